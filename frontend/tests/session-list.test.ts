/** How sessions are listed: pinned ones first, the others by the day of their last use. */

import { expect, test } from "vitest";

import type { ListedSession } from "../src/api/schema";
import { byDay } from "../src/features/sessions/groups";
import { words } from "../src/words";

const NOW = new Date(2026, 10, 28, 12);

function session(id: number, daysAgo: number, pinned = false): ListedSession {
  const used = new Date(NOW.getTime() - daysAgo * 86_400_000).toISOString();
  return { id, pinned, last_used_at: used } as ListedSession;
}

test("a pinned session stands first, whenever it was used, and nowhere else", () => {
  const listed = byDay([session(1, 0), session(2, 1), session(3, 90, true), session(4, 90)], NOW);
  expect(listed.map(([name, those]) => [name, those.map(({ id }) => id)])).toEqual([
    [words.sessions.pinned, [3]],
    [words.sessions.today, [1]],
    [words.sessions.yesterday, [2]],
    [words.sessions.earlier, [4]],
  ]);
});

test("without a pinned session there is no such heading", () => {
  expect(byDay([session(1, 0)], NOW).map(([name]) => name)).toEqual([words.sessions.today]);
});
