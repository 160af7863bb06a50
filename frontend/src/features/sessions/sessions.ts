/** Sessions as server data: what changes them, and what is found in them. */

import { useMutation, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useCallback, useMemo, useSyncExternalStore } from "react";

import { answered, api } from "../../api/http";
import { me, sessionPages } from "../../api/queries";
import { refresh } from "../../api/refresh";
import type { ListedSession, SessionChanges } from "../../api/schema";
import { changed } from "../../api/session-pages";
import { together } from "../../api/together";
import { deletions } from "../../stores/deletions";
import { notices } from "../../stores/notices";
import { words } from "../../words";

export function useChangeSession() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ id, ...changes }: { id: number } & SessionChanges) =>
      answered(api.PATCH("/api/chatbot/sessions/{session_id}", { params: { path: { session_id: id } }, body: changes })),
    onMutate: ({ id, title, pinned, folder_id }) =>
      put(queries, id, {
        ...(title && { title }),
        ...(pinned != null && { pinned }),
        ...(folder_id !== undefined && { folder_id }),
      }),
    onSuccess: ({ title, pinned, folder_id }, { id }) => put(queries, id, { title, pinned, folder_id }),
    onError: (error) => {
      notices.show(error.message);
      void refresh(queries, sessionPages.queryKey);
    },
    onSettled: (_session, _error, { id }) => refresh(queries, ["session", id]),
  });
}

/** Shows a change of a listed session; the event connection brings the same a moment later. */
function put(queries: QueryClient, id: number, changes: Partial<ListedSession>): void {
  queries.setQueryData(sessionPages.queryKey, (all) => {
    const session = all?.sessions.find((one) => one.id === id);
    return all && session ? changed(all, { session: { ...session, ...changes } }) : all;
  });
}

/** Hides it at once and deletes it when nobody took that back. */
export function useDeleteSession(): (session: Pick<ListedSession, "id" | "title">) => void {
  const queries = useQueryClient();
  return useCallback(
    ({ id, title }) => {
      deletions.begin(id, async () => {
        try {
          await answered(
            api.DELETE("/api/chatbot/sessions/{session_id}", { params: { path: { session_id: id } }, keepalive: true }),
          );
          queries.setQueryData(sessionPages.queryKey, (all) => all && changed(all, { deleted: id }));
        } catch (error) {
          notices.show(words.sessions.notDeleted(title, error instanceof Error ? error.message : String(error)));
        }
      });
      notices.show(words.sessions.deleted(title), { label: words.sessions.undo, run: () => deletions.undo(id) });
    },
    [queries],
  );
}

/** Leaves a session of somebody else. */
export function useLeaveSession(): (session: Pick<ListedSession, "id">) => Promise<void> {
  const queries = useQueryClient();
  return useCallback(
    async ({ id }) => {
      try {
        const { id: user } = await queries.query({ ...me, staleTime: "static" });
        await together.remove(id, user);
        queries.setQueryData(sessionPages.queryKey, (all) => all && changed(all, { deleted: id }));
      } catch (error) {
        notices.show(error instanceof Error ? error.message : String(error));
      }
    },
    [queries],
  );
}

/** Those that are to be shown. */
export function useShownSessions(all: readonly ListedSession[] | undefined): ListedSession[] {
  const hidden = useSyncExternalStore(deletions.subscribe, deletions.get);
  return useMemo(() => (all ?? []).filter(({ id }) => !hidden.has(id)), [all, hidden]);
}
