/**
 * The part of the session list that this page knows. Pinned sessions are known whole; the others by pages, apart for each folder and for
 * what is outside of folders. A page ends at a cursor: whatever stands before it is known, and kept true by the event connection.
 */

import type { QueryClient } from "@tanstack/react-query";

import { answered, api, ApiError } from "./http";
import type { ListedSession } from "./schema";

/** A folder by its number, or what is outside of all folders. */
export type Part = number | "none";

export interface SessionPages {
  /** The last used first. */
  sessions: readonly ListedSession[];
  /** How far each part is known: to this cursor, or (null) to its end. A part without an entry is not known. */
  ends: Readonly<Record<Part, string | null>>;
}

export type SessionChange = { session: ListedSession } | { deleted: number };

export const SESSIONS_KEY = ["sessions"] as const;

const PAGE = 50;
/** The most that the gateway gives at once. */
const MOST = 500;
const KEPT = 1000;

/** What was told while an answer was on its way: an answer that was true when it was asked for must not undo it. */
class SessionChanges {
  private readonly recent: { number: number; change: SessionChange }[] = [];
  private number = 0;

  /** To be taken before something is asked for. */
  get mark(): number {
    return this.number;
  }

  note(change: SessionChange): void {
    this.recent.push({ number: ++this.number, change });
    if (this.recent.length > KEPT) this.recent.shift();
  }

  /** The pages with everything that was told since the mark. */
  applied(pages: SessionPages, mark: number): SessionPages {
    return this.recent.filter(({ number }) => number > mark).reduce((all, { change }) => changed(all, change), pages);
  }
}

export const sessionChanges = new SessionChanges();

export function partOf({ folder_id }: Pick<ListedSession, "folder_id">): Part {
  return folder_id ?? "none";
}

/** The pages after a change. A session that stands behind what is known of its part is left out: a later page has it. */
export function changed({ sessions, ends }: SessionPages, change: SessionChange): SessionPages {
  if ("deleted" in change) return { sessions: sessions.filter(({ id }) => id !== change.deleted), ends };
  const { session } = change;
  const others = sessions.filter(({ id }) => id !== session.id);
  if (!isKnown(session, ends)) return { sessions: others, ends };
  const at = others.findIndex(({ cursor }) => cursor < session.cursor);
  return { sessions: at === -1 ? [...others, session] : [...others.slice(0, at), session, ...others.slice(at)], ends };
}

function isKnown(session: ListedSession, ends: SessionPages["ends"]): boolean {
  const end = (ends as Partial<SessionPages["ends"]>)[partOf(session)];
  return isMarked(session) || end === null || (end !== undefined && session.cursor >= end);
}

/** What the list shows wherever it stands: at the top, or as a mark on its folder. */
function isMarked({ pinned, running, unread }: ListedSession): boolean {
  return pinned || running || unread;
}

/** The pages with one more; `end`: how far its part is known with it. */
export function joined(
  { sessions, ends }: SessionPages,
  page: readonly ListedSession[],
  part: Part,
  end: string | null,
): SessionPages {
  const all = new Map(sessions.map((session) => [session.id, session]));
  for (const session of page) all.set(session.id, session);
  return { sessions: [...all.values()].sort(lastUsedFirst), ends: { ...ends, [part]: end } };
}

/** The pages without a folder that is gone. Its sessions are outside now, also those that are not known: the list is to be read again. */
export function withoutFolder({ sessions, ends }: SessionPages, folder: number): SessionPages {
  const others = Object.fromEntries(Object.entries(ends).filter(([part]) => part !== `${folder}`)) as SessionPages["ends"];
  return { sessions: sessions.map((one) => (one.folder_id === folder ? { ...one, folder_id: null } : one)), ends: others };
}

function lastUsedFirst(one: ListedSession, other: ListedSession): number {
  return one.cursor < other.cursor ? 1 : -1;
}

export interface SessionQuery {
  limit?: number;
  before?: string;
  folder?: Part;
  pinned: boolean;
}

/** How sessions are asked for. */
type Ask = (query: SessionQuery) => Promise<ListedSession[]>;

const gateway: Ask = (query) => answered(api.GET("/api/chatbot/sessions", { params: { query } }));

/** Reads the list: the first page outside of folders; where more is known, as much again. */
export async function readPages(before: SessionPages | undefined, ask = gateway): Promise<SessionPages> {
  const { mark } = sessionChanges;
  const parts = Object.entries(before?.ends ?? { none: undefined });
  const [pinned, ...read] = await Promise.all([
    ask({ pinned: true }),
    ...parts.map(([name, end]) => readPart(name === "none" ? name : Number(name), end, before, ask)),
  ]);
  const all = read.reduce<SessionPages>(
    (pages, part) => (part === null ? pages : joined(pages, part.sessions, part.part, part.end)),
    { sessions: pinned.sort(lastUsedFirst), ends: {} as SessionPages["ends"] },
  );
  return sessionChanges.applied(all, mark);
}

/** Reads a part of the list to a cursor, or (null) to its end. Null if the folder is gone. */
async function readPart(part: Part, to: string | null | undefined, known: SessionPages | undefined, ask: Ask) {
  const size = Math.min(MOST, Math.max(PAGE, known?.sessions.filter((session) => partOf(session) === part).length ?? 0));
  const sessions: ListedSession[] = [];
  let end: string | null | undefined;
  try {
    do {
      const page = await ask({ limit: size, folder: part, pinned: false, ...(end != null && { before: end }) });
      sessions.push(...page);
      end = page.length < size ? null : (page.at(-1)?.cursor ?? null);
    } while (end !== null && to !== undefined && (to === null || end > to));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
  return { part, sessions, end };
}

const loading = new Map<Part, Promise<void>>();

/** Reads the next page of a part, its first one if none is known; one at a time. Throws ApiError. */
export function loadPage(queries: QueryClient, part: Part, ask = gateway): Promise<void> {
  const known = loading.get(part);
  if (known !== undefined) return known;
  const promise = load(queries, part, ask).finally(() => loading.delete(part));
  loading.set(part, promise);
  return promise;
}

async function load(queries: QueryClient, part: Part, ask: Ask): Promise<void> {
  const endOf = (pages: SessionPages | undefined) => (pages?.ends as Partial<SessionPages["ends"]> | undefined)?.[part];
  const end = endOf(queries.getQueryData<SessionPages>(SESSIONS_KEY));
  if (end === null) return;
  const { mark } = sessionChanges;
  const page = await ask({ limit: PAGE, folder: part, pinned: false, ...(end !== undefined && { before: end }) });
  queries.setQueryData<SessionPages>(SESSIONS_KEY, (now) => {
    if (now === undefined || endOf(now) !== end) return now; // the list was read again meanwhile
    const next = page.length < PAGE ? null : (page.at(-1)?.cursor ?? null);
    return sessionChanges.applied(joined(now, page, part, next), mark);
  });
}
