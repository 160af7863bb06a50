/** What stands in a conversation: rows while a reply is on its way, pages of messages put together. */

import { describe, expect, test } from "vitest";

import type { MessageAnswer } from "../src/api/schema";
import { joined } from "../src/features/chat/messages";
import { lastExchange, rows, type OnItsWay } from "../src/stores/rows";

function message(id: number, parent: number | null): MessageAnswer {
  const role = id % 2 === 1 ? "user" : "assistant";
  const nothing = {
    thinking: null,
    metadata: null,
    usage: null,
    timings: null,
    request_id: null,
    stream_id: null,
    error: null,
    rating: null,
    reactions: [],
    in_context: true,
  };
  return {
    id,
    session_id: 1,
    parent_id: parent,
    role,
    content: `m${id}`,
    parts: [{ type: "text", text: `m${id}` }],
    status: "complete",
    created_at: "2026-11-24T00:00:00Z",
    siblings: [id],
    ...nothing,
  };
}

const HI = [{ type: "text" as const, text: "hi" }];
const FOUR = [message(1, null), message(2, 1), message(3, 2), message(4, 3)];

function kinds(live: OnItsWay | null, messages = FOUR): string[] {
  return rows(messages, live).map(({ kind, key }) => `${kind} ${key}`);
}

describe("rows", () => {
  test("of a settled conversation are its messages", () => {
    expect(kinds(null)).toEqual(["turn 1", "answer 2", "turn 3", "answer 4"]);
  });

  test("a turn that was just sent stands at the end, and its reply below it", () => {
    expect(kinds({ asked: HI, hides: null, about: null }).slice(4)).toEqual(["asked asked", "live live"]);
  });

  test("once the stream tells its messages the reply keeps its place and its key, stored or not", () => {
    const about = { user_message_id: 5, assistant_message_id: 6 };
    expect(kinds({ asked: HI, hides: null, about }).slice(4)).toEqual(["asked asked", "live 6"]);
    const stored = [...FOUR, message(5, 4), message(6, 5)];
    expect(kinds({ asked: HI, hides: null, about }, stored).slice(4)).toEqual(["turn 5", "live 6"]);
    expect(kinds(null, stored).slice(4)).toEqual(["turn 5", "answer 6"]);
  });

  test("what a reply takes the place of is hidden until the new path is known", () => {
    expect(kinds({ asked: null, hides: 4, about: null })).toEqual(["turn 1", "answer 2", "turn 3", "live live"]);
    expect(kinds({ asked: HI, hides: 1, about: null })).toEqual(["asked asked", "live live"]);
  });

  test("what a reply takes the place of stays hidden while its stream is known and the new path is not", () => {
    const about = { user_message_id: 3, assistant_message_id: 5 };
    expect(kinds({ asked: null, hides: 4, about })).toEqual(["turn 1", "answer 2", "turn 3", "live 5"]);
  });

  test("the last exchange begins with what was said last", () => {
    expect(lastExchange(rows(FOUR, null))).toBe(2);
    expect(lastExchange(rows(FOUR, { asked: HI, hides: null, about: null }))).toBe(4);
    expect(lastExchange([])).toBe(0);
  });
});

describe("pages of messages", () => {
  test("the newest page goes behind what is known above it", () => {
    expect(joined(FOUR, [message(4, 3), message(5, 4)]).map(({ id }) => id)).toEqual([1, 2, 3, 4, 5]);
  });

  test("on another branch only what it still has in common stays", () => {
    expect(joined(FOUR, [message(7, 2), message(8, 7)]).map(({ id }) => id)).toEqual([1, 2, 7, 8]);
    expect(joined(FOUR, [message(9, 99)]).map(({ id }) => id)).toEqual([9]);
    expect(joined(FOUR, [message(9, null)]).map(({ id }) => id)).toEqual([9]);
  });
});
