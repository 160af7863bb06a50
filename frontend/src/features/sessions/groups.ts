/** How sessions are listed. */

import type { ListedSession } from "../../api/schema";
import { words } from "../../words";

const DAY_MS = 86_400_000;

/** The sessions under *Pinned*, *Today*, *Yesterday*, *Last 7 days* and *Earlier*, each group newest first. */
export function byDay(sessions: ListedSession[], now = new Date()): [string, ListedSession[]][] {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const groups: [string, number][] = [
    [words.sessions.today, midnight],
    [words.sessions.yesterday, midnight - DAY_MS],
    [words.sessions.week, midnight - 6 * DAY_MS],
    [words.sessions.earlier, -Infinity],
  ];
  const pinned = sessions.filter((session) => session.pinned);
  const days = new Map<string, ListedSession[]>(pinned.length > 0 ? [[words.sessions.pinned, pinned]] : []);
  for (const session of sessions) {
    if (session.pinned) continue;
    const used = new Date(session.last_used_at).getTime();
    const name = groups.find(([, from]) => used >= from)?.[0] ?? words.sessions.earlier;
    days.set(name, [...(days.get(name) ?? []), session]);
  }
  return [...days];
}
