/** Sessions as server data: the list, and what changes it. */

import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { answered, api } from "../../api/http";
import type { ListedSession, SessionChanges } from "../../api/schema";

const WHILE_RUNNING_MS = 3_000;

/** Asked for every few seconds while anything runs. */
export const sessionList = queryOptions({
  queryKey: ["sessions"],
  queryFn: () => answered(api.GET("/api/chatbot/sessions")),
  refetchInterval: ({ state }) => (state.data?.some((session) => session.running) ? WHILE_RUNNING_MS : false),
});

export function useChangeSession() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ id, ...changes }: { id: number } & SessionChanges) =>
      answered(api.PATCH("/api/chatbot/sessions/{session_id}", { params: { path: { session_id: id } }, body: changes })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["sessions"] }),
  });
}

export function useDeleteSession() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: number) =>
      answered(api.DELETE("/api/chatbot/sessions/{session_id}", { params: { path: { session_id: id } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["sessions"] }),
  });
}

const DAY_MS = 86_400_000;

/** The sessions under *Today*, *Yesterday*, *This week* and *Earlier*, each group newest first. */
export function byDay(sessions: ListedSession[], now = new Date()): [string, ListedSession[]][] {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const groups: [string, number][] = [
    ["Today", midnight],
    ["Yesterday", midnight - DAY_MS],
    ["This week", midnight - 6 * DAY_MS],
    ["Earlier", -Infinity],
  ];
  const found = new Map<string, ListedSession[]>();
  for (const session of sessions) {
    const used = new Date(session.last_used_at).getTime();
    const name = groups.find(([, from]) => used >= from)?.[0] ?? "Earlier";
    found.set(name, [...(found.get(name) ?? []), session]);
  }
  return [...found];
}
