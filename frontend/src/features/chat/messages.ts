/** The messages of a session as server data: the newest page, and older ones as somebody scrolls up to them. */

import { queryOptions, replaceEqualDeep, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useRef } from "react";

import { answered, api } from "../../api/http";
import type { MessageAnswer } from "../../api/schema";

const PAGE = 100;

function page(session: number, before?: number): Promise<MessageAnswer[]> {
  const query = before === undefined ? { limit: PAGE } : { limit: PAGE, before };
  return answered(api.GET("/api/chatbot/sessions/{session_id}/messages", { params: { path: { session_id: session }, query } }));
}

export function messageList(session: number) {
  return queryOptions({
    queryKey: ["messages", session],
    queryFn: async ({ client }) => {
      const newest = await page(session);
      return joined(known(client, session), newest); // older ones may have come meanwhile
    },
    structuralSharing: (old, now) => shared(old as MessageAnswer[] | undefined, now as MessageAnswer[]),
  });
}

/** Fetches the page above what is there; one at a time. False where there is nothing above. */
export function useOlder(session: number | null): () => Promise<boolean> {
  const queries = useQueryClient();
  const loading = useRef<Promise<boolean> | null>(null);
  const load = async (): Promise<boolean> => {
    const top = session === null ? undefined : known(queries, session)?.[0];
    if (session === null || top === undefined || !hasOlder([top])) return false;
    const older = await page(session, top.id);
    queries.setQueryData(messageList(session).queryKey, (now) => (now?.[0]?.id === top.id ? [...older, ...now] : now));
    return older.length > 0;
  };
  return () => {
    loading.current ??= load()
      .catch(() => false) // whoever scrolls on asks again
      .finally(() => (loading.current = null));
    return loading.current;
  };
}

export function hasOlder(messages: MessageAnswer[]): boolean {
  return messages[0] !== undefined && messages[0].parent_id !== null;
}

export function changeMessage(queries: QueryClient, changed: MessageAnswer): void {
  queries.setQueryData(messageList(changed.session_id).queryKey, (now) =>
    now?.map((one) => (one.id === changed.id ? changed : one)),
  );
}

function known(queries: QueryClient, session: number): MessageAnswer[] | undefined {
  return queries.getQueryData(messageList(session).queryKey);
}

/** The newest page behind what is known above it, as far as that still leads to it. */
export function joined(old: MessageAnswer[] | undefined, newest: MessageAnswer[]): MessageAnswer[] {
  const above = newest[0]?.parent_id ?? null;
  if (old === undefined || above === null) return newest;
  return [...old.slice(0, old.findIndex(({ id }) => id === above) + 1), ...newest];
}

/** Messages that say the same stay the same objects, wherever they stand in the list. */
function shared(old: MessageAnswer[] | undefined, now: MessageAnswer[]): MessageAnswer[] {
  const before = new Map(old?.map((message) => [message.id, message]));
  const kept = now.map((message) => replaceEqualDeep<MessageAnswer>(before.get(message.id), message));
  return old?.length === kept.length && kept.every((message, at) => message === old[at]) ? old : kept;
}
