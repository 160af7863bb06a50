/** Sessions as server data: what changes them, and what is found in them. */

import { keepPreviousData, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { useCallback, useSyncExternalStore } from "react";

import { answered, api } from "../../api/http";
import { sessionList } from "../../api/queries";
import { refresh } from "../../api/refresh";
import type { ListedSession, SessionChanges } from "../../api/schema";
import { deletions } from "../../stores/deletions";
import { notices } from "../../stores/notices";
import { words } from "../../words";

export function useChangeSession() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ id, ...changes }: { id: number } & SessionChanges) =>
      answered(api.PATCH("/api/chatbot/sessions/{session_id}", { params: { path: { session_id: id } }, body: changes })),
    onMutate: ({ id, title, pinned }) => {
      const shown = { ...(title && { title }), ...(pinned != null && { pinned }) };
      queries.setQueryData(sessionList.queryKey, (all) => all?.map((one) => (one.id === id ? { ...one, ...shown } : one)));
    },
    onSettled: (_session, _error, { id }) => refresh(queries, ["sessions"], ["session", id]),
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
          queries.setQueryData(sessionList.queryKey, (all) => all?.filter((one) => one.id !== id));
        } catch (error) {
          notices.show(words.sessions.notDeleted(title, error instanceof Error ? error.message : String(error)));
        }
      });
      notices.show(words.sessions.deleted(title), { label: words.sessions.undo, run: () => deletions.undo(id) });
    },
    [queries],
  );
}

/** Those that are to be shown. */
export function useShownSessions(all: ListedSession[] | undefined): ListedSession[] {
  const hidden = useSyncExternalStore(deletions.subscribe, deletions.get);
  return (all ?? []).filter(({ id }) => !hidden.has(id));
}

export function search(text: string) {
  return queryOptions({
    queryKey: ["search", text],
    queryFn: () => answered(api.GET("/api/chatbot/search", { params: { query: { q: text } } })),
    enabled: text !== "",
    placeholderData: keepPreviousData,
  });
}

export function useImportSession() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (file: File) => {
      const body = (await file.text()) as unknown as Record<string, never>;
      return answered(
        api.POST("/api/chatbot/sessions/import", { body, bodySerializer: String, headers: { "Content-Type": "application/json" } }),
      );
    },
    onSuccess: () => refresh(queries, ["sessions"]),
  });
}
