/** The known part of the list: pages that come, changes that are told, in any order, and both at once. */

import { QueryClient } from "@tanstack/react-query";
import { beforeEach, expect, test } from "vitest";

import { ApiError } from "../src/api/http";
import type { ListedSession } from "../src/api/schema";
import {
  changed,
  joined,
  loadPage,
  readPages,
  sessionChanges,
  SESSIONS_KEY,
  type Part,
  type SessionPages,
  type SessionQuery,
} from "../src/api/session-pages";

function session(id: number, more: Partial<ListedSession> = {}): ListedSession {
  const cursor = String(id).padStart(5, "0");
  return { id, cursor, pinned: false, running: false, unread: false, folder_id: null, title: `${id}`, ...more } as ListedSession;
}

/** The gateway's list, answered as it is when it is asked; `meanwhile` happens before the answer arrives. */
class Gateway {
  sessions: ListedSession[] = [];
  asked = 0;
  gone = new Set<number>();
  meanwhile: () => void = () => undefined;

  readonly ask = async ({ limit, before, folder, pinned }: SessionQuery): Promise<ListedSession[]> => {
    this.asked++;
    if (typeof folder === "number" && this.gone.has(folder)) throw new ApiError(404, "not_found", "gone");
    const found = this.sessions
      .filter((one) => one.pinned === pinned)
      .filter(({ folder_id }) => folder === undefined || (folder_id ?? "none") === folder)
      .filter(({ cursor }) => before === undefined || cursor < before)
      .sort((one, other) => (one.cursor < other.cursor ? 1 : -1))
      .slice(0, limit);
    await Promise.resolve();
    this.meanwhile();
    this.meanwhile = () => undefined;
    return found;
  };
}

let gateway: Gateway;
let queries: QueryClient;

beforeEach(() => {
  gateway = new Gateway();
  queries = new QueryClient();
});

const ids = ({ sessions }: SessionPages): number[] => sessions.map(({ id }) => id);
const many = (from: number, to: number, more: Partial<ListedSession> = {}): ListedSession[] =>
  Array.from({ length: to - from + 1 }, (_, at) => session(from + at, more));
const end = (pages: SessionPages, part: Part): string | null | undefined => pages.ends[part];

async function read(): Promise<SessionPages> {
  const pages = await readPages(queries.getQueryData<SessionPages>(SESSIONS_KEY), gateway.ask);
  queries.setQueryData(SESSIONS_KEY, pages);
  return pages;
}

const now = (): SessionPages =>
  queries.getQueryData<SessionPages>(SESSIONS_KEY) ?? { sessions: [], ends: {} as SessionPages["ends"] };

test("the first page is read, the next one after it, until there is no more", async () => {
  gateway.sessions = [...many(1, 120), session(200, { pinned: true, folder_id: 7 })];
  expect(ids(await read())).toEqual([
    200,
    ...many(71, 120)
      .map(({ id }) => id)
      .reverse(),
  ]);
  await loadPage(queries, "none", gateway.ask);
  expect(ids(now())).toHaveLength(101);
  await loadPage(queries, "none", gateway.ask);
  expect(ids(now())).toHaveLength(121);
  expect(end(now(), "none")).toBeNull();
  gateway.asked = 0;
  await loadPage(queries, "none", gateway.ask);
  expect(gateway.asked).toBe(0);
});

test("a folder is known from its first page on, apart from what is outside", async () => {
  gateway.sessions = [...many(1, 60, { folder_id: 7 }), ...many(100, 110)];
  expect(ids(await read())).toHaveLength(11);
  expect(end(now(), 7)).toBeUndefined();
  await loadPage(queries, 7, gateway.ask);
  expect(ids(now())).toHaveLength(61);
  expect(end(now(), 7)).toBe("00011");
  expect(end(now(), "none")).toBeNull();
});

test("two who want the next page ask once", async () => {
  gateway.sessions = many(1, 120);
  await read();
  gateway.asked = 0;
  await Promise.all([loadPage(queries, "none", gateway.ask), loadPage(queries, "none", gateway.ask)]);
  expect(gateway.asked).toBe(1);
});

test("a list that is read again is known as far as before", async () => {
  gateway.sessions = [...many(1, 160), ...many(200, 260, { folder_id: 7 })];
  await read();
  await loadPage(queries, "none", gateway.ask);
  await loadPage(queries, 7, gateway.ask);
  const known = ids(now());
  gateway.sessions = [...gateway.sessions, ...many(300, 380)];
  await read();
  expect(ids(now())).toEqual(expect.arrayContaining(known));
  expect(new Set(ids(now())).size).toBe(ids(now()).length);
});

test("a folder that is gone takes nothing else with it when the list is read again", async () => {
  gateway.sessions = [...many(1, 3, { folder_id: 7 }), ...many(10, 12)];
  await read();
  await loadPage(queries, 7, gateway.ask);
  gateway.gone.add(7);
  gateway.sessions = gateway.sessions.map((one) => ({ ...one, folder_id: null }));
  expect(ids(await read())).toEqual([12, 11, 10, 3, 2, 1]);
  expect(end(now(), 7)).toBeUndefined();
});

test("what is told while a page is on its way is in it, and what was deleted is not", async () => {
  gateway.sessions = many(1, 120);
  await read();
  gateway.meanwhile = () => {
    for (const change of [{ session: session(30, { title: "Renamed" }) }, { deleted: 31 }, { session: session(500) }]) {
      sessionChanges.note(change);
      queries.setQueryData<SessionPages>(SESSIONS_KEY, (all) => all && changed(all, change));
    }
  };
  await loadPage(queries, "none", gateway.ask);
  expect(now().sessions.find(({ id }) => id === 30)?.title).toBe("Renamed");
  expect(ids(now())).not.toContain(31);
  expect(ids(now())[0]).toBe(500);
});

test("a page that was asked for before the list was read again is left out, so that no gap comes before it", async () => {
  gateway.sessions = many(1, 120);
  await read();
  await loadPage(queries, "none", gateway.ask);
  gateway.meanwhile = () =>
    queries.setQueryData<SessionPages>(SESSIONS_KEY, { sessions: many(119, 120).reverse(), ends: { none: "00119" } });
  await loadPage(queries, "none", gateway.ask);
  expect(ids(now())).toEqual([120, 119]);
  await loadPage(queries, "none", gateway.ask);
  expect(ids(now())[2]).toBe(118);
});

test("a session that is used again comes to the top, wherever it was", () => {
  const pages = joined({ sessions: [], ends: {} as SessionPages["ends"] }, many(10, 12).reverse(), "none", "00010");
  const used = session(3, { cursor: "00500" });
  expect(ids(changed(pages, { session: used }))).toEqual([3, 12, 11, 10]);
  expect(ids(changed(pages, { session: { ...session(11), cursor: "00500" } }))).toEqual([11, 12, 10]);
});

test("of sessions behind the known ones only those that the list shows anyway are taken in", () => {
  const pages = joined({ sessions: [], ends: {} as SessionPages["ends"] }, many(10, 12).reverse(), "none", "00010");
  expect(ids(changed(pages, { session: session(3, { title: "Renamed" }) }))).toEqual([12, 11, 10]);
  for (const shown of [{ pinned: true }, { running: true }, { unread: true }]) {
    const more = changed(pages, { session: session(3, shown) });
    expect(ids(more)).toEqual([12, 11, 10, 3]);
    expect(ids(changed(more, { session: session(3) })), "and let go again").toEqual([12, 11, 10]);
  }
});

test("a session that moves to a folder that is not known leaves the list, and comes back", () => {
  const pages = joined({ sessions: [], ends: {} as SessionPages["ends"] }, many(10, 12).reverse(), "none", null);
  const moved = changed(pages, { session: session(11, { folder_id: 7 }) });
  expect(ids(moved)).toEqual([12, 10]);
  expect(ids(changed(moved, { session: session(11) }))).toEqual([12, 11, 10]);
});
