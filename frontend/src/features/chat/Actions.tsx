import { RefreshCw, ThumbsDown, ThumbsUp } from "lucide-react";

import type { MessageAnswer } from "../../api/schema";
import { CopyButton } from "../../components/CopyButton";
import { words } from "../../words";
import { Branches } from "./Branches";
import type { Conversation } from "./conversation";

/** What can be done with a reply that has ended. */
export function Actions({ message, busy, conversation }: { message: MessageAnswer; busy: boolean; conversation: Conversation }) {
  const wentWrong = message.status === "failed" || message.status === "interrupted";
  const canGoOn =
    message.content.trim() !== "" && (message.status !== "complete" || message.metadata?.["finish_reason"] === "length");
  return (
    <>
      {wentWrong && message.error?.retryable !== false && (
        <button type="button" disabled={busy} onClick={() => conversation.regenerate(message)}>
          {words.thread.retry}
        </button>
      )}
      {canGoOn && (
        <button type="button" disabled={busy} onClick={() => conversation.goOn(message)}>
          {words.thread.continue}
        </button>
      )}
      <Branches message={message} busy={busy} conversation={conversation} />
      {message.content !== "" && <CopyButton text={message.content} label={words.thread.copyReply} />}
      {!wentWrong && (
        <button
          type="button"
          className="quiet icon"
          title={words.thread.regenerate}
          aria-label={words.thread.regenerate}
          disabled={busy}
          onClick={() => conversation.regenerate(message)}
        >
          <RefreshCw aria-hidden />
        </button>
      )}
      {message.content !== "" && <Rating message={message} conversation={conversation} />}
    </>
  );
}

function Rating({ message, conversation }: { message: MessageAnswer; conversation: Conversation }) {
  const rate = (rating: "good" | "bad"): void => void conversation.rate(message, message.rating === rating ? null : rating);
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
