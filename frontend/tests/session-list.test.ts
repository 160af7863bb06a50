/** How sessions are listed: pinned ones first, then folders, then the others by the day of their last use. */

import { expect, test } from "vitest";

import type { ListedSession } from "../src/api/schema";
import { byDay, inPlaces } from "../src/features/sessions/groups";
import { previewOf } from "../src/features/sessions/preview";
import { words } from "../src/words";

const NOW = new Date(2026, 10, 28, 12);

function session(id: number, daysAgo: number, more: Partial<ListedSession> = {}): ListedSession {
  const used = new Date(NOW.getTime() - daysAgo * 86_400_000).toISOString();
  return { id, pinned: false, folder_id: null, last_used_at: used, ...more } as ListedSession;
}

const ids = (sessions: ListedSession[] | undefined): number[] => (sessions ?? []).map(({ id }) => id);

test("sessions stand under the day of their last use", () => {
  const listed = byDay([session(1, 0), session(2, 1), session(3, 4), session(4, 90)], NOW);
  expect(listed.map(([name, those]) => [name, ids(those)])).toEqual([
    [words.sessions.today, [1]],
    [words.sessions.yesterday, [2]],
    [words.sessions.week, [3]],
    [words.sessions.earlier, [4]],
  ]);
});

test("a pinned session stands first, whatever its folder, and nowhere else", () => {
  const places = inPlaces(
    [session(1, 0), session(2, 0, { pinned: true, folder_id: 7 }), session(3, 0, { folder_id: 7 })],
    [{ id: 7 }],
  );
  expect(ids(places.pinned)).toEqual([2]);
  expect(ids(places.inFolder.get(7))).toEqual([3]);
  expect(ids(places.outside)).toEqual([1]);
});

test("a session whose folder is gone stands outside", () => {
  expect(ids(inPlaces([session(1, 0, { folder_id: 8 })], [{ id: 7 }]).outside)).toEqual([1]);
});

test.each([
  [null, ""],
  ["# Herons\n\n- **Grey** heron\n- `Ardea`", "Herons Grey heron Ardea"],
  ["snake_case and _emphasis_", "snake_case and emphasis"],
  ['<document name="a.pdf" characters="3">\nabc\n</document>\n\nWhat?', "a.pdf abc </document> What?"],
  ["1. One\n2. Two", "One Two"],
  ["日本語の*答え*", "日本語の答え"],
])("the preview of %j is its words", (text, preview) => {
  expect(previewOf(text)).toBe(preview);
});

test.each([
  [0, /^\d\d:\d\d$/],
  [1, /^\d\d:\d\d$/],
  [3, /^Wed$/],
  [30, /^29 Oct$/],
  [400, /^24 Oct 2025$/],
])("of a session used %i days ago the list says when, in few letters", (days, says) => {
  expect(words.format.when(session(1, days).last_used_at, NOW)).toMatch(says);
});
