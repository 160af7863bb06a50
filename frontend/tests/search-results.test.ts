import { expect, test } from "vitest";

import type { FoundAnswer } from "../src/api/schema";
import { bySession } from "../src/features/sessions/results";

const found = (session_id: number, message_id: number | null = null): FoundAnswer => ({
  session_id,
  message_id,
  folder_id: null,
  title: [{ text: `Session ${session_id}`, match: message_id === null }],
  role: null,
  snippet: message_id === null ? null : [{ text: `Message ${message_id}`, match: true }],
  created_at: null,
});

const numbers = (results: FoundAnswer[]): [number, (number | null)[]][] =>
  bySession(results).map((those) => [those[0].session_id, those.map(({ message_id }) => message_id)]);

test("a session stands once, where it was found first, with all its messages in their order", () => {
  expect(numbers([found(3), found(1), found(2, 20), found(1, 12), found(2, 19), found(1, 11)])).toEqual([
    [3, [null]],
    [1, [12, 11]],
    [2, [20, 19]],
  ]);
  expect(numbers([])).toEqual([]);
});
