/** Keys of programs and budgets, in English. */

import { ago, date, list, number, plural } from "./format";

const MINUTE_MS = 60_000;

export const keys = {
  title: "API keys",
  about: "A program uses this server with a key. What it uses counts for you.",
  create: "New key",
  make: "Create key",
  name: "Name",
  uses: "The key may",
  scopes: { chat: "Chat with models", embeddings: "Make embeddings", models: "List the models" },
  short: { chat: "chat", embeddings: "embeddings", models: "the list of models" },
  models: "Models",
  modelsHint: "None chosen: all models.",
  expires: "Expires",
  terms: (days: number) => (days === 0 ? "Never" : `After ${plural(days, { one: "day", other: "days" })}`),
  limits: "Limits",
  limitsHint: "Empty: no limit of its own.",
  madeTitle: "Your new key",
  made: "Copy the key now. It is not shown again.",
  copy: "Copy the key",
  done: "Done",
  use: (used: string | null, expires: string | null) =>
    `${used === null ? "Never used" : `Last used ${ago(used)}`}${expires === null ? "" : `; expires on ${date(expires)}`}`,
  expired: "expired",
  rights: (scopes: readonly string[], models: readonly string[] | null) =>
    `For ${list(scopes)}${models === null ? "" : `; only ${list(models)}`}`,
  actionsOf: (name: string) => `Actions for ${name}`,
  changeLimits: "Change limits",
  limitsOf: (name: string) => `Limits of ${name}`,
  save: "Save",
  revoke: "Revoke",
  revokeTitle: (name: string) => `Revoke ${name}?`,
  revokeText: "Programs that use this key are refused from now on. This cannot be undone.",
};

export const budget = {
  title: "Budget",
  ofGroup: (name: string) => `Group ${name}`,
  limits: {
    requests_per_minute: "Requests a minute",
    tokens_per_minute: "Tokens a minute",
    tokens_per_day: "Tokens a day",
    runs: "Replies at once",
  },
  left: (left: number, allowed: number) => `${number(left)} of ${number(allowed)} left`,
  renews: (time: string, now = Date.now()) =>
    Date.parse(time) - now < MINUTE_MS ? "renews within a minute" : `renews ${ago(time, now)}`,
  set: "Budget",
  titleOf: (user: string) => `Budget of ${user}`,
  ownHint: "Empty: no limit.",
  usual: "Use the server’s default",
};
