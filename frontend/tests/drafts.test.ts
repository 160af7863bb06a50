/** Nothing that was written is lost: it is kept until the gateway has it. */

import { beforeEach, expect, test, vi } from "vitest";

import { Drafts, EMPTY } from "../src/stores/drafts";

vi.hoisted(() => Object.assign(globalThis, { addEventListener: () => undefined })); // what Node lacks of a page

const stored = new Map<string, string>();

beforeEach(() => {
  stored.clear();
  vi.useFakeTimers();
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
    removeItem: (key: string) => stored.delete(key),
  });
  return () => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  };
});

function reloaded(): Drafts {
  vi.runAllTimers();
  return new Drafts();
}

test("what is written is there again after a reload", () => {
  const drafts = new Drafts();
  drafts.change(1, { text: "half a thought" });
  drafts.attach(1, { name: "a.md", text: "a" });
  expect(reloaded().get(1)).toMatchObject({ text: "half a thought", documents: [{ name: "a.md" }] });
  expect(reloaded().get(null)).toEqual(EMPTY);
});

test("what was sent is kept until the gateway has it, and is gone then", () => {
  const drafts = new Drafts();
  drafts.change(1, { text: "" });
  drafts.sent(1, { text: "the message" });
  expect(drafts.get(1).text).toBe("");
  expect(reloaded().get(1).text).toBe("the message");
  drafts.taken(1);
  expect(reloaded().get(1)).toEqual(EMPTY);
  expect(stored.size).toBe(0);
});

test("what the gateway did not take stands before what was written since, with the reason", () => {
  const drafts = new Drafts();
  drafts.sent(1, { text: "first", documents: [{ name: "a.md", text: "a" }] });
  drafts.change(1, { text: "second" });
  drafts.giveBack(1, "The queue is full.");
  expect(drafts.get(1)).toMatchObject({ text: "first\n\nsecond", documents: [{ name: "a.md" }], problem: "The queue is full." });
  drafts.change(1, { text: "first" });
  expect(drafts.get(1).problem).toBeNull();
});

test("a turn that was being said differently goes on being said differently", () => {
  const drafts = new Drafts();
  drafts.sent(1, { edit: { turn: 5, text: "better" } });
  drafts.giveBack(1, "Away");
  expect(reloaded().get(1).edit).toEqual({ turn: 5, text: "better" });
});
