/** What a tab keeps is there again after a reload of it. */

import { beforeEach, expect, test, vi } from "vitest";

import { Kept } from "../src/stores/kept";

const stored = new Map<string, string>();
let room = Infinity;

beforeEach(() => {
  stored.clear();
  room = Infinity;
  vi.stubGlobal("sessionStorage", {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => {
      if (value.length > room) throw new DOMException("no room", "QuotaExceededError");
      stored.set(key, value);
    },
    removeItem: (key: string) => stored.delete(key),
  });
  return () => {
    vi.unstubAllGlobals();
  };
});

test("a value is there after a reload, and gone when it was deleted", () => {
  const kept = new Kept<{ text: string }>("kind");
  kept.set(1, { text: "one" });
  kept.set(null, { text: "new" });
  const reloaded = new Kept<{ text: string }>("kind");
  expect([reloaded.get(1), reloaded.get(null), reloaded.get(2)]).toEqual([{ text: "one" }, { text: "new" }, undefined]);
  expect(new Kept("other").get(1)).toBeUndefined();
  reloaded.delete(1);
  expect(reloaded.get(1)).toBeUndefined();
  expect(new Kept("kind").get(1)).toBeUndefined();
});

test("what the browser has no room for is kept until a reload, and nothing older comes back then", () => {
  const kept = new Kept<string>("kind");
  kept.set(1, "old");
  room = 5;
  kept.set(1, "much longer");
  expect(kept.get(1)).toBe("much longer");
  expect(new Kept<string>("kind").get(1)).toBeUndefined();
});

test("what is no JSON counts as nothing", () => {
  stored.set("kind-1", "{");
  expect(new Kept<string>("kind").get(1)).toBeUndefined();
});
