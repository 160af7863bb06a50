/** Keys of programs and budgets, as server data. */

import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { answered, api } from "../../api/http";
import { refresh } from "../../api/refresh";
import type { BudgetSettings, MadeKey, NewKeyBody } from "../../api/schema";

export const LIMITS = ["tokens_per_day", "tokens_per_minute", "requests_per_minute", "runs"] as const;
/** Days until a key expires; 0: never. */
export const TERMS = [0, 30, 90, 365];

const DAY_MS = 86_400_000;
const LIVE_MS = 30_000;

export const keyList = queryOptions({ queryKey: ["keys"], queryFn: () => answered(api.GET("/api/keys")) });

export const budgets = queryOptions({
  queryKey: ["budgets"],
  queryFn: () => answered(api.GET("/api/budgets")),
  refetchInterval: LIVE_MS,
});

export function userBudget(user: number) {
  return queryOptions({
    queryKey: ["admin", "budget", user],
    queryFn: () => answered(api.GET("/api/admin/users/{user_id}/budget", { params: { path: { user_id: user } } })),
    staleTime: 0,
  });
}

/** The moment at which a key of so many days ends, in ISO 8601; null: never. */
export function endOf(days: number, now = Date.now()): string | null {
  return days === 0 ? null : new Date(now + days * DAY_MS).toISOString();
}

/** The limits in a form: a field that is empty sets none. */
export function limitsIn(fields: FormData): BudgetSettings {
  const limit = (name: string): number | null => {
    const text = fields.get(name);
    return typeof text !== "string" || text.trim() === "" ? null : Number(text);
  };
  return Object.fromEntries(LIMITS.map((name) => [name, limit(name)]));
}

export function useMakeKey() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: NewKeyBody): Promise<MadeKey> => answered(api.POST("/api/keys", { body })),
    onSettled: () => refresh(queries, keyList.queryKey),
  });
}

export function useRevoke() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: number) => answered(api.DELETE("/api/keys/{key_id}", { params: { path: { key_id: id } } })),
    onSettled: () => refresh(queries, keyList.queryKey),
  });
}

/** Whose limits are changed. */
export type Limited = { key: number } | { user: number };

/** `limits` null: those of the server's configuration again. */
export function useLimits(of: Limited) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (limits: BudgetSettings | null): Promise<void> => {
      if ("key" in of) {
        await answered(api.PUT("/api/keys/{key_id}/budget", { params: { path: { key_id: of.key } }, body: limits ?? {} }));
        return;
      }
      const params = { path: { user_id: of.user } };
      if (limits === null) await answered(api.DELETE("/api/admin/users/{user_id}/budget", { params }));
      else await answered(api.PUT("/api/admin/users/{user_id}/budget", { params, body: limits }));
    },
    onSettled: () =>
      Promise.all([
        refresh(queries, keyList.queryKey),
        refresh(queries, budgets.queryKey),
        ...("user" in of ? [refresh(queries, userBudget(of.user).queryKey)] : []),
      ]),
  });
}
