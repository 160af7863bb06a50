/** What the page knows of the gateway, as server data that several features look at. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query";

import { spokenPresets, spokenSets } from "./built-in";
import { answered, api, ApiError } from "./http";
import { lab } from "./lab";
import { readPages, SESSIONS_KEY, type Part, type SessionPages } from "./session-pages";

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

/** As far as the list is known. The event connection tells of each change: see stores/browser-events.ts. */
export const sessionPages = queryOptions({
  queryKey: SESSIONS_KEY,
  queryFn: ({ client }) => readPages(client.getQueryData<SessionPages>(SESSIONS_KEY)),
});

/** The sessions that are known, the last used first. */
export const sessionList = queryOptions({ ...sessionPages, select: ({ sessions }: SessionPages) => sessions });

export function sessionOf(id: number) {
  return queryOptions({
    queryKey: ["session", id],
    queryFn: () => answered(api.GET("/api/chatbot/sessions/{session_id}", { params: { path: { session_id: id } } })),
  });
}

export const folderList = queryOptions({
  queryKey: ["folders"],
  queryFn: () => answered(api.GET("/api/chatbot/folders")),
});

/** Sessions by title, and messages by what is said in them; in one part of the list, or everywhere. */
export function search(text: string, part: Part | null = null) {
  return queryOptions({
    queryKey: ["search", text, part],
    queryFn: () =>
      answered(api.GET("/api/chatbot/search", { params: { query: { q: text, ...(part !== null && { folder: part }) } } })),
    enabled: text !== "",
    placeholderData: keepPreviousData,
  });
}

export const models = queryOptions({
  queryKey: ["models"],
  queryFn: () => answered(api.GET("/api/models")),
  staleTime: 60_000,
});

/** The kinds of files whose text can be read. */
export const documentKinds = queryOptions({
  queryKey: ["document-kinds"],
  queryFn: () => answered(api.GET("/api/chatbot/document-kinds")),
  staleTime: Infinity,
});

export const presets = queryOptions({
  queryKey: ["presets"],
  queryFn: () => answered(api.GET("/api/chatbot/presets")),
  select: spokenPresets,
  staleTime: Infinity,
});

export const templates = queryOptions({
  queryKey: ["templates"],
  queryFn: () => answered(api.GET("/api/templates")),
});

/** Null: there is no such template, or it is not public. */
export function publicTemplate(id: number) {
  return queryOptions({
    queryKey: ["templates", "public", id],
    queryFn: () =>
      answered(api.GET("/api/templates/public/{template_id}", { params: { path: { template_id: id } } })).catch(
        (problem: unknown) => {
          if (problem instanceof ApiError && problem.status === 404) return null;
          throw problem;
        },
      ),
  });
}

export const labSets = queryOptions({ queryKey: ["lab", "sets"], queryFn: () => lab.sets(), select: spokenSets });

export function templateVersions(id: number) {
  return queryOptions({
    queryKey: ["templates", id, "versions"],
    queryFn: () => answered(api.GET("/api/templates/{template_id}/versions", { params: { path: { template_id: id } } })),
  });
}

/** All accounts, for an admin. */
export const users = queryOptions({
  queryKey: ["admin", "users"],
  queryFn: () => answered(api.GET("/api/admin/users")),
  refetchInterval: 10_000,
});
