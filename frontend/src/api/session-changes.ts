/** What is told of the list of sessions while it is on its way: an answer that was true when it was asked for must not undo that. */

import type { ListedSession } from "./schema";

type Change = { session: ListedSession } | { deleted: number };

const KEPT = 1000;

class SessionChanges {
  private readonly recent: { number: number; change: Change }[] = [];
  private number = 0;

  /** To be taken when a list is asked for. */
  get mark(): number {
    return this.number;
  }

  note(change: Change): void {
    this.recent.push({ number: ++this.number, change });
    if (this.recent.length > KEPT) this.recent.shift();
  }

  /** A list with everything that was told since the mark. */
  applied(list: ListedSession[], mark: number): ListedSession[] {
    return this.recent.filter(({ number }) => number > mark).reduce((all, { change }) => changed(all, change), list);
  }
}

export const sessionChanges = new SessionChanges();

/** The list after a change, the last used first. */
export function changed(list: ListedSession[], change: Change): ListedSession[] {
  if ("deleted" in change) return list.filter(({ id }) => id !== change.deleted);
  const { session } = change;
  const others = list.filter(({ id }) => id !== session.id);
  const at = others.findIndex((other) => isBefore(session, other));
  return at === -1 ? [...others, session] : [...others.slice(0, at), session, ...others.slice(at)];
}

function isBefore(one: ListedSession, other: ListedSession): boolean {
  return one.last_used_at === other.last_used_at ? one.id > other.id : one.last_used_at > other.last_used_at;
}
