/** What an admin sees, as server data that stays live. */

import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { answered, api } from "../../api/http";
import { health, models, users } from "../../api/queries";
import { refresh } from "../../api/refresh";
import type { AccountChanges, NewAccount } from "../../api/schema";

const LIVE_MS = 2_000;

export const liveHealth = { ...health, refetchInterval: LIVE_MS };

export const runs = queryOptions({
  queryKey: ["admin", "runs"],
  queryFn: () => answered(api.GET("/api/admin/runs")),
  refetchInterval: LIVE_MS,
});

export const configuration = queryOptions({
  queryKey: ["admin", "configuration"],
  queryFn: () => answered(api.GET("/api/admin/configuration")),
  refetchInterval: 2 * LIVE_MS,
});

/** Reads lam.toml again. */
export function useReload() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => answered(api.POST("/api/admin/configuration/reload")),
    onSettled: () => refresh(queries, configuration.queryKey, models.queryKey),
  });
}

/** What can be done to an account: `user` null makes one. */
export type Deed = { user: null; account: NewAccount } | { user: number; changes: AccountChanges } | { user: number; delete: true };

export function useDeed() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (deed: Deed): Promise<void> => {
      if (deed.user === null) await answered(api.POST("/api/admin/users", { body: deed.account }));
      else if ("delete" in deed)
        await answered(api.DELETE("/api/admin/users/{user_id}", { params: { path: { user_id: deed.user } } }));
      else
        await answered(api.PATCH("/api/admin/users/{user_id}", { params: { path: { user_id: deed.user } }, body: deed.changes }));
    },
    onSettled: () => refresh(queries, users.queryKey),
  });
}
