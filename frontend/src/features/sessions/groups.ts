/** How sessions are listed. */

import type { FolderAnswer, ListedSession } from "../../api/schema";
import { words } from "../../words";

const DAY_MS = 86_400_000;

interface Places {
  /** Whatever their folder. */
  pinned: ListedSession[];
  inFolder: ReadonlyMap<number, ListedSession[]>;
  outside: ListedSession[];
}

/** Where each session stands. One whose folder is not there any more stands outside. */
export function inPlaces(sessions: readonly ListedSession[], folders: readonly Pick<FolderAnswer, "id">[]): Places {
  const inFolder = new Map(folders.map(({ id }): [number, ListedSession[]] => [id, []]));
  const [pinned, outside]: [ListedSession[], ListedSession[]] = [[], []];
  for (const session of sessions) {
    const folder = session.folder_id === null ? undefined : inFolder.get(session.folder_id);
    (session.pinned ? pinned : (folder ?? outside)).push(session);
  }
  return { pinned, inFolder, outside };
}

/** The sessions under *Today*, *Yesterday*, *Last 7 days* and *Earlier*, each group newest first. */
export function byDay(sessions: readonly ListedSession[], now = new Date()): [string, ListedSession[]][] {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const groups: [string, number][] = [
    [words.sessions.today, midnight],
    [words.sessions.yesterday, midnight - DAY_MS],
    [words.sessions.week, midnight - 6 * DAY_MS],
    [words.sessions.earlier, -Infinity],
  ];
  const days = new Map<string, ListedSession[]>();
  for (const session of sessions) {
    const used = new Date(session.last_used_at).getTime();
    const name = groups.find(([, from]) => used >= from)?.[0] ?? words.sessions.earlier;
    const those = days.get(name);
    if (those === undefined) days.set(name, [session]);
    else those.push(session);
  }
  return [...days];
}
