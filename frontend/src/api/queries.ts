/** What the page knows of the gateway, as server data that several features look at. */

import { queryOptions } from "@tanstack/react-query";

import { answered, api } from "./http";
import { lab } from "./lab";
import { sessionChanges } from "./session-changes";

export const me = queryOptions({
  queryKey: ["me"],
  queryFn: () => answered(api.GET("/api/auth/me")),
  retry: false, // the page says that the gateway is not there, and tries again by itself
  staleTime: 60_000,
});

/** What the gateway says of itself; of engine, broker and workers only to those who are signed in. */
export const health = queryOptions({
  queryKey: ["health"],
  queryFn: () => answered(api.GET("/api/health")),
});

/** The event connection tells of each change: see stores/browser-events.ts. */
export const sessionList = queryOptions({
  queryKey: ["sessions"],
  queryFn: async () => {
    const { mark } = sessionChanges;
    return sessionChanges.applied(await answered(api.GET("/api/chatbot/sessions")), mark);
  },
});

export const models = queryOptions({
  queryKey: ["models"],
  queryFn: () => answered(api.GET("/api/models")),
  staleTime: 60_000,
});

export const presets = queryOptions({
  queryKey: ["presets"],
  queryFn: () => answered(api.GET("/api/chatbot/presets")),
  staleTime: Infinity,
});

export const templates = queryOptions({
  queryKey: ["templates"],
  queryFn: () => answered(api.GET("/api/templates")),
});

export const labSets = queryOptions({ queryKey: ["lab", "sets"], queryFn: () => lab.sets() });

export function templateVersions(id: number) {
  return queryOptions({
    queryKey: ["templates", id, "versions"],
    queryFn: () => answered(api.GET("/api/templates/{template_id}/versions", { params: { path: { template_id: id } } })),
  });
}
