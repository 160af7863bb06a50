/** What the form of a new room says. Knows no React. */

import type { NewRoom, Task } from "../../api/rooms";

const DAY_MS = 86_400_000;
/** A room lasts so many days at most. */
export const LAST_DAY = 90;

/** The day so many days from now, where the reader is, as a field for dates has it. */
export function dayIn(days: number, now = Date.now()): string {
  const day = new Date(now + days * DAY_MS);
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

/** The end of a day where the reader is, in ISO 8601. */
export function endOf(day: string): string {
  return new Date(`${day}T23:59:59`).toISOString();
}

export function roomIn(fields: FormData): NewRoom {
  const text = (name: string): string => {
    const value = fields.get(name);
    return typeof value === "string" ? value.trim() : "";
  };
  const count = (name: string): number | null => (text(name) === "" ? null : Number(text(name)));
  const [tokens, requests, minutes] = [count("tokens_per_day"), count("requests_per_minute"), count("minutes")];
  return {
    title: text("title"),
    template_id: count("template"),
    models: fields.getAll("model").filter((name) => typeof name === "string"),
    budget: tokens === null && requests === null ? null : { tokens_per_day: tokens, requests_per_minute: requests },
    seconds: minutes === null ? null : 60 * minutes,
    task: taskOf(text("task")),
    expires_at: endOf(text("until")),
    shows_others: fields.get("shows_others") !== null,
  };
}

function taskOf(value: string): Task | null {
  const [kind, ...set] = value.split(" ");
  return kind === "maze" || kind === "lab" ? { kind, set: set.join(" ") } : null;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
