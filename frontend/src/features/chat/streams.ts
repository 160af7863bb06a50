/** The conversations and the replies on their way, as React sees them. */

import { createContext, useContext, useEffect, useSyncExternalStore } from "react";

import { useStream } from "../../components/streams";
import type { Conversations, LiveReply } from "../../stores/conversation";
import type { Row } from "../../stores/rows";

export const ConversationsContext = createContext<Conversations | null>(null);

export function useConversations(): Conversations {
  const conversations = useContext(ConversationsContext);
  if (conversations === null) throw new Error("no conversations around");
  return conversations;
}

const never = (): (() => void) => () => undefined;
const NOTHING: Row[] = [];

/** This session is the one in sight. */
export function useInSight(session: number | null): void {
  const conversations = useConversations();
  useEffect(() => conversations.show(session), [conversations, session]);
}

/** The session's reply on its way, if there is one. */
export function useLiveReply(session: number | null): LiveReply | undefined {
  const conversations = useConversations();
  const conversation = session === null ? undefined : conversations.of(session);
  return useSyncExternalStore(conversation?.subscribe ?? never, () => conversation?.live);
}

/** What stands in the session's conversation. */
export function useRows(session: number | null): Row[] {
  const conversations = useConversations();
  const conversation = session === null ? undefined : conversations.of(session);
  return useSyncExternalStore(conversation?.subscribe ?? never, conversation?.rows ?? (() => NOTHING));
}

export function useIsBusy(live: LiveReply | undefined): boolean {
  return useStream(live?.stream, ({ over }) => !over) ?? false;
}

/** How often something was said here; it grows with each time. */
export function useSentCount(): number {
  const conversations = useConversations();
  return useSyncExternalStore(conversations.subscribe, () => conversations.sent);
}
