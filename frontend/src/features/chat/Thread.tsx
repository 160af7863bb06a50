import { useLayoutEffect, useRef, useState, type ReactNode } from "react";

import type { MessageAnswer } from "../../api/schema";
import type { LiveReply } from "../../stores/live-streams";
import type { Conversation } from "./conversation";
import { LiveAnswer, StoredAnswer } from "./Answer";
import { Turn } from "./Turn";

const NEAR_PX = 48;

/** The conversation, and the reply on its way at its end. Follows the end until somebody scrolls up. */
export function Thread({ messages, live, conversation }: { messages: MessageAnswer[]; live: LiveReply | undefined; conversation: Conversation }) {
  const busy = live !== undefined && !live.stream.over;
  const answering = live?.stream.snapshot.metadata ?? null;
  const hiddenFrom = live?.hides == null || answering !== null ? -1 : messages.findIndex(({ id }) => id === live.hides);
  const shown = hiddenFrom === -1 ? messages : messages.slice(0, hiddenFrom);
  const isThere = answering !== null && shown.some(({ id }) => id === answering.assistant_message_id);
  const turnIsThere = answering !== null && shown.some(({ id }) => id === answering.user_message_id);
  return (
    <Scroller>
      {shown.map((message) => {
        if (message.role === "user") return <Turn key={message.id} turn={message} busy={busy} conversation={conversation} />;
        if (live !== undefined && isThere && message.id === answering.assistant_message_id) {
          return <LiveAnswer key={message.id} live={live} message={message} conversation={conversation} />;
        }
        return <StoredAnswer key={message.id} message={message} busy={busy} conversation={conversation} />;
      })}
      {live !== undefined && !isThere && (
        <>
          {live.asked !== null && !turnIsThere && (
            <article className="turn">
              <p className="said">{live.asked}</p>
              <footer />
            </article>
          )}
          <LiveAnswer live={live} message={null} conversation={conversation} />
        </>
      )}
    </Scroller>
  );
}

function Scroller({ children }: { children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const [isAway, setAway] = useState(false);

  useLayoutEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  });

  const look = (): void => {
    if (!box.current) return;
    const { scrollHeight, scrollTop, clientHeight } = box.current;
    follows.current = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    setAway(!follows.current);
  };
  const toEnd = (): void => {
    follows.current = true;
    setAway(false);
    box.current?.scrollTo({ top: box.current.scrollHeight });
  };
  return (
    <div className="thread-frame">
      <div
        className="thread"
        ref={box}
        onScroll={look}
        onWheel={(event) => {
          if (event.deltaY < 0) follows.current = false;
        }}
        tabIndex={0}
        role="region"
        aria-label="Conversation"
      >
        <div className="column">{children}</div>
      </div>
      {isAway && (
        <button type="button" className="to-end" onClick={toEnd}>
          To the end
        </button>
      )}
    </div>
  );
}
