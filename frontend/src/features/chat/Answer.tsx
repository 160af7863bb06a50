import { memo } from "react";

import type { MessageAnswer } from "../../api/schema";
import { Markdown } from "../../components/markdown/Markdown";
import { useEachChange } from "../../components/streams";
import type { LiveReply } from "../../stores/conversation";
import { isThinking, waiting } from "../../stores/reply-status";
import { words } from "../../words";
import { Actions } from "./Actions";
import type { SessionActions } from "./session-actions";
import { directionOf } from "../../components/markdown/direction";
import { LeftOut } from "./LeftOut";
import { Pictures } from "./Pictures";
import { PicturesLeftOut } from "./PicturesLeftOut";
import { PicturesLost } from "./PicturesLost";
import { ReadAloud } from "./ReadAloud";
import { useCanSpeak } from "./reading";
import { announced, seen } from "./seen";
import { Shown } from "./Shown";
import { Thoughts } from "./Thoughts";
import { ToolCalls } from "./ToolCalls";
import { AnswerNow } from "./AnswerNow";
import { Readers } from "./Author";
import { useMaySteer, useMe } from "./company";
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
  const me = useMe();
  const maySteer = useMaySteer();
  const view = seen(message, live, me?.name);
  const canSpeak = useCanSpeak();
  const side = directionOf(view.text); // where the reply begins, what the page says of it does
  return (
    <>
      <article className="answer" aria-busy={view.isGrowing} id={message ? `message-${message.id}` : undefined}>
        <h2 className="for-ears speaker">{words.thread.model}</h2>
        <Thoughts text={view.thinking} isThinking={view.isGrowing && view.text === ""} />
        {view.pieces.map((piece, at) =>
          piece.kind === "text" ? (
            <Markdown key={at} text={piece.text} growing={view.isGrowing && at === view.pieces.length - 1} />
          ) : (
            <Pictures key={at} pictures={piece.pictures} />
          ),
        )}
        <ToolCalls calls={view.calls} />
        <div className="notes" dir={side}>
          <div dir={words.direction}>
            {live && <Waiting isThinking={isThinking(live.stream)} says={(since, now) => waiting(live.stream, since, now)} />}
            {live && maySteer && <AnswerNow live={live} />}
            {message !== null && !message.in_context && view.text !== "" && <LeftOut />}
            {message !== null && <Shown message={message} />}
            <PicturesLeftOut pictures={view.leftOut} />
            {message !== null && <PicturesLost message={message} />}
            {view.ending && <p className="ending">{view.ending}</p>}
            {view.problem && (
              <p className="problem" role={live ? "alert" : undefined}>
                {view.problem}
              </p>
            )}
          </div>
        </div>
        {(!view.isGrowing || (canSpeak && message !== null && view.text !== "")) && (
          <footer dir={side}>
            {message !== null && <ReadAloud message={message} live={live} text={view.text} isGrowing={view.isGrowing} />}
            {view.settled && <Actions message={view.settled} busy={busy} actions={actions} />}
            <span className="figures" dir={words.direction}>
              {view.figures}
              {!view.isGrowing && view.healed.length > 0 && (
                <span className="healed" title={view.healed.map(words.reply.healedAfter).join("\n")}>
                  {" · "}
                  {words.reply.healed}
                </span>
              )}
              {view.isSimulated && <span title={words.thread.onePieceWhy}> · {words.thread.onePiece}</span>}
            </span>
            {message !== null && <Readers message={message.id} />}
          </footer>
        )}
      </article>
      {live && (
        <p className="for-ears" role="status">
          {announced(live, me?.name)}
        </p>
      )}
    </>
  );
});
