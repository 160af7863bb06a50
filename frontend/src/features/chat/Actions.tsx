import { RefreshCw, ThumbsDown, ThumbsUp } from "lucide-react";

import type { MessageAnswer } from "../../api/schema";
import { CopyButton } from "../../components/CopyButton";
import { words } from "../../words";
import { Branches } from "./Branches";
import { useMaySteer } from "./company";
import { FollowMe, Reactions } from "./Reactions";
import type { SessionActions } from "./session-actions";

/** What can be done with a reply that has ended. */
export function Actions({ message, busy, actions }: { message: MessageAnswer; busy: boolean; actions: SessionActions }) {
  const maySteer = useMaySteer();
  const wentWrong = message.status === "failed" || message.status === "interrupted";
  const canGoOn =
    message.content.trim() !== "" && (message.status !== "complete" || message.metadata?.["finish_reason"] === "length");
  return (
    <>
      {maySteer && wentWrong && message.error?.retryable !== false && (
        <button type="button" disabled={busy} onClick={() => actions.regenerate(message)}>
          {words.thread.retry}
        </button>
      )}
      {maySteer && canGoOn && (
        <button type="button" disabled={busy} onClick={() => actions.goOn(message)}>
          {words.thread.continue}
        </button>
      )}
      <Branches message={message} busy={busy} actions={actions} />
      {message.content !== "" && <CopyButton text={message.content} label={words.thread.copyReply} />}
      {maySteer && !wentWrong && (
        <button
          type="button"
          className="quiet icon"
          title={words.thread.regenerate}
          aria-label={words.thread.regenerate}
          disabled={busy}
          onClick={() => actions.regenerate(message)}
        >
          <RefreshCw aria-hidden />
        </button>
      )}
      {maySteer && message.content !== "" && <Rating message={message} actions={actions} />}
      <Reactions message={message} actions={actions} />
      <FollowMe message={message} actions={actions} />
    </>
  );
}

function Rating({ message, actions }: { message: MessageAnswer; actions: SessionActions }) {
  const rate = (rating: "good" | "bad"): void => void actions.rate(message, message.rating === rating ? null : rating);
  return (
    <>
      <button
        type="button"
        className="quiet icon"
        title={words.thread.good}
        aria-label={words.thread.good}
        aria-pressed={message.rating === "good"}
        onClick={() => rate("good")}
      >
        <ThumbsUp aria-hidden />
      </button>
      <button
        type="button"
        className="quiet icon"
        title={words.thread.bad}
        aria-label={words.thread.bad}
        aria-pressed={message.rating === "bad"}
        onClick={() => rate("bad")}
      >
        <ThumbsDown aria-hidden />
      </button>
    </>
  );
}
