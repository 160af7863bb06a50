/** Where the event connection, the conversations and the lists meet. */

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import type { Scope } from "../api/events";
import { browser, BrowserEvents } from "../stores/browser-events";
import { Conversations } from "../stores/conversation";
import { drafts } from "../stores/drafts";
import { labRuns } from "../stores/lab";
import { gatherings } from "../stores/together";
import type { MessageAnswer } from "../api/schema";
import { labOf, listsOf } from "./lists";

interface Stored {
  queryKey: unknown;
  state: { data: unknown };
}

/** The conversations of this tab, kept true while somebody is here, and the event connection that brings all runs. `scope`: of a guest. */
export function useConversations(
  isHere: boolean,
  scope: Scope | null = null,
): { events: BrowserEvents; conversations: Conversations } {
  const queries = useQueryClient();
  const [parts] = useState(() => {
    const events = new BrowserEvents(browser(scope));
    labRuns.streams = events;
    return { events, conversations: new Conversations(events, drafts, listsOf(queries)) };
  });
  const { events, conversations } = parts;
  useEffect(() => {
    if (!isHere) return;
    const take = ({ queryKey, state }: Stored, data: unknown = state.data): void => {
      const [key, session] = queryKey as unknown[];
      if (key === "messages" && typeof session === "number")
        conversations.of(session).take((data ?? undefined) as MessageAnswer[] | undefined);
    };
    const cache = queries.getQueryCache();
    const undo = [
      events.listen(conversations),
      events.listen(gatherings),
      gatherings.subscribe(() => events.stay(gatherings.isCompany)),
      events.listen(labOf(queries)),
      cache.subscribe(({ query, type }) => {
        if (type === "updated") take(query);
        else if (type === "removed") take(query, null);
      }),
      during(document, "visibilitychange", () => events.look()),
      during(globalThis, "pageshow", () => events.start()), // the page comes back as it was left
      during(globalThis, "pagehide", () => {
        conversations.pending.settleAll();
        events.stop();
      }),
    ];
    for (const query of cache.getAll()) take(query);
    events.look();
    events.start();
    return () => {
      for (const end of undo) end();
      events.stop();
    };
  }, [isHere, queries, events, conversations]);
  return parts;
}

function during(target: EventTarget, name: string, listener: () => void): () => void {
  target.addEventListener(name, listener);
  return () => target.removeEventListener(name, listener);
}
