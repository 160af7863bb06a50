import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { AccountMenu } from "../features/account/AccountMenu";
import { Composer } from "../features/chat/Composer";
import { messageList, useConversation, useReplies } from "../features/chat/conversation";
import { useLiveReply } from "../features/chat/streams";
import { Thread } from "../features/chat/Thread";
import { SessionList } from "../features/sessions/SessionList";
import { sessionList } from "../features/sessions/sessions";
import { NotFound } from "./NotFound";

/** The conversations on the left, the one in sight in the middle. Without a session: a new one. */
export function Studio({ session }: { session: number | null }) {
  const [isListOpen, setListOpen] = useState(false);
  const messages = useQuery({ ...messageList(session ?? 0), enabled: session !== null });
  const sessions = useQuery(sessionList);
  const live = useLiveReply(session);
  const conversation = useConversation(session);
  useReplies(session, messages.data);
  if (messages.error && "status" in messages.error && messages.error.status === 404) return <NotFound />;
  const title = sessions.data?.find(({ id }) => id === session)?.title ?? "New conversation";
  const isEmpty = live === undefined && (session === null || messages.data?.length === 0);
  return (
    <div className="studio" data-list={isListOpen ? "open" : undefined}>
      <title>{`${title} · LAM Studio`}</title>
      <aside className="side">
        <SessionList shown={session} onChosen={() => setListOpen(false)} />
        <AccountMenu />
      </aside>
      <main className="middle">
        <header>
          <button type="button" className="quiet list-button" aria-expanded={isListOpen} onClick={() => setListOpen(!isListOpen)}>
            Conversations
          </button>
          <h1>{title}</h1>
        </header>
        {isEmpty ? (
          <div className="welcome">
            <h2>What shall we talk about?</h2>
            <p>For example: “Explain how a rainbow is made, in three sentences.”</p>
          </div>
        ) : (
          <Thread messages={messages.data ?? []} live={live} conversation={conversation} />
        )}
        {messages.error && <p className="problem">{messages.error.message}</p>}
        <Composer key={session ?? "new"} session={session} live={live} say={conversation.say} />
      </main>
    </div>
  );
}
