import { memo } from "react";

import type { MessageAnswer } from "../../api/schema";
import { Markdown } from "../../components/markdown/Markdown";
import { useEachChange } from "../../components/streams";
import type { LiveReply } from "../../stores/conversation";
import { isThinking, waiting } from "../../stores/reply-status";
import { words } from "../../words";
import { Actions } from "./Actions";
import type { SessionActions } from "./session-actions";
import { LeftOut } from "./LeftOut";
import { announced, seen } from "./seen";
import { Thoughts } from "./Thoughts";
import { ToolCalls } from "./ToolCalls";
import { Waiting } from "../../components/Waiting";

interface Props {
  /** The reply as it is stored; null until it is known. */
  message: MessageAnswer | null;
  /** Its stream, while it is on its way and until what is stored says the same. */
  live?: LiveReply | undefined;
  busy: boolean;
  actions: SessionActions;
}

/** A reply, on its way or ended: the same element in both cases, so that nothing moves when it settles. */
export const Answer = memo(function Answer({ message, live, busy, actions }: Props) {
  useEachChange(live?.stream);
  const view = seen(message, live);
  return (
    <>
      <article className="answer" aria-busy={view.isGrowing} id={message ? `message-${message.id}` : undefined}>
        <Thoughts text={view.thinking} isThinking={view.isGrowing && view.text === ""} />
        <Markdown text={view.text} growing={view.isGrowing} />
        <ToolCalls calls={view.calls} />
        {live && <Waiting isThinking={isThinking(live.stream)} says={(since, now) => waiting(live.stream, since, now)} />}
        {message !== null && !message.in_context && view.text !== "" && <LeftOut />}
        {view.ending && <p className="ending">{view.ending}</p>}
        {view.problem && (
          <p className="problem" role={live ? "alert" : undefined}>
            {view.problem}
          </p>
        )}
        {!view.isGrowing && (
          <footer>
            {view.settled && <Actions message={view.settled} busy={busy} actions={actions} />}
            <span className="figures">
              {view.figures}
              {view.isSimulated && <span title={words.thread.onePieceWhy}> · {words.thread.onePiece}</span>}
            </span>
          </footer>
        )}
      </article>
      {live && (
        <p className="for-ears" role="status">
          {announced(live)}
        </p>
      )}
    </>
  );
});
