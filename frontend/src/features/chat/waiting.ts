/** The messages that wait in a session as server data, and what can be done with them. */

import { queryOptions, useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useMemo } from "react";

import { ApiError } from "../../api/http";
import { refresh } from "../../api/refresh";
import type { MessageAnswer, WaitingAnswer } from "../../api/schema";
import { changeWaiting, sendNow, takeBack, waitingIn } from "../../api/waiting";
import { documentsOf, picturesOf, textOf } from "../../protocol/parts";
import { drafts } from "../../stores/drafts";
import { words } from "../../words";
import { focusComposer } from "./focus";
import { told } from "./session-actions";

const NONE: WaitingAnswer[] = [];

function waitingList(session: number) {
  return queryOptions({ queryKey: ["waiting", session], queryFn: () => waitingIn(session) });
}

/** Those of the session that are not in the conversation yet: the two lists are not read in the same moment. */
export function useWaitingMessages(
  session: number | null,
  messages: MessageAnswer[],
): { waiting: WaitingAnswer[]; isKnown: boolean } {
  const all = useQuery({ ...waitingList(session ?? 0), enabled: session !== null });
  const { data = NONE, isSuccess } = all;
  return useMemo(() => {
    if (data.length === 0) return { waiting: NONE, isKnown: isSuccess };
    const sent = new Set(messages.map(({ request_id }) => request_id));
    return { waiting: data.filter(({ request_id }) => request_id === null || !sent.has(request_id)), isKnown: isSuccess };
  }, [data, isSuccess, messages]);
}

export interface WaitingActions {
  /** While it is changed it is not sent. */
  beginEdit: (message: WaitingAnswer) => Promise<void>;
  /** `text` null: it stays as it was. */
  endEdit: (message: WaitingAnswer, text: string | null) => Promise<void>;
  takeBack: (message: WaitingAnswer) => Promise<void>;
  sendNow: (message: WaitingAnswer) => Promise<void>;
}

export function useWaitingActions(session: number): WaitingActions {
  const queries = useQueryClient();
  return useMemo(() => {
    const done = async (work: () => Promise<unknown>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        told(error);
      }
      await refresh(queries, ["waiting", session]);
    };
    const put = (message: WaitingAnswer): void => place(queries, message);
    const end = async (id: number, text: string | null): Promise<void> => {
      try {
        put(await changeWaiting(session, id, { editing: false, ...(text !== null && { content: text }) }));
      } catch (error) {
        if (!isGone(error)) throw error;
        if (text !== null) drafts.putBack(session, { text }, words.waiting.sentMeanwhile); // the change is not lost
      }
      drafts.change(session, { waiting: null, problem: drafts.get(session).problem });
    };
    return {
      beginEdit: (message) =>
        done(async () => {
          const { waiting: other } = drafts.get(session);
          if (other !== null) await end(other.id, other.text);
          put(await changeWaiting(session, message.id, { editing: true }));
          drafts.change(session, { waiting: { id: message.id, text: textOf(message.parts) } });
        }),
      endEdit: (message, text) =>
        done(async () => {
          await end(message.id, text);
          focusComposer();
        }),
      takeBack: (message) =>
        done(async () => {
          const { parts } = await takeBack(session, message.id);
          drafts.putBack(session, { text: textOf(parts), documents: documentsOf(parts), pictures: picturesOf(parts) });
          focusComposer();
        }),
      sendNow: (message) => done(() => sendNow(session, message.id)),
    };
  }, [queries, session]);
}

function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

function place(queries: QueryClient, changed: WaitingAnswer): void {
  queries.setQueryData(waitingList(changed.session_id).queryKey, (now) =>
    now?.map((one) => (one.id === changed.id ? changed : one)),
  );
}
