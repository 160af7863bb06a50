/** Nothing that was written is lost: it is kept until the gateway has it. */

import { beforeEach, expect, test, vi } from "vitest";

import { Drafts, EMPTY } from "../src/stores/drafts";
import { Tab } from "../src/stores/tabs";

// what Node lacks of a page
vi.hoisted(() => Object.assign(globalThis, { addEventListener: () => undefined, BroadcastChannel: undefined }));

const stored = new Map<string, string>();
const listed = { enumerable: true, configurable: true };
let tabs: Tab[];

function opened(name = "a"): Drafts {
  const tab = new Tab(name);
  tabs.push(tab);
  return new Drafts(tab);
}

/** A tab is closed as browsers do it, or dies. */
function closed(name: string): void {
  vi.advanceTimersByTime(1000);
  for (const tab of tabs) if (tab.name === name) tab.stop();
}

beforeEach(() => {
  stored.clear();
  vi.useFakeTimers();
  const own = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
    removeItem: (key: string) => stored.delete(key),
  };
  vi.stubGlobal("localStorage", new Proxy(own, { ownKeys: () => [...stored.keys()], getOwnPropertyDescriptor: () => listed }));
  vi.stubGlobal("sessionStorage", { getItem: () => null, setItem: () => undefined });
  tabs = [];
  return () => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  };
});

function reloaded(): Drafts {
  closed("a");
  return opened();
}

test("what is written is there again after a reload", () => {
  const drafts = opened();
  drafts.change(1, { text: "half a thought" });
  drafts.attach(1, { name: "a.md", text: "a" });
  expect(reloaded().get(1)).toMatchObject({ text: "half a thought", documents: [{ name: "a.md" }] });
  expect(reloaded().get(null)).toEqual(EMPTY);
});

test("what was sent is kept until the gateway has it, and is gone then", () => {
  const drafts = opened();
  drafts.change(1, { text: "" });
  const message = { text: "the message" };
  drafts.sent(1, message);
  expect(drafts.get(1).text).toBe("");
  vi.advanceTimersByTime(1000);
  expect(opened().get(1).text).toBe("the message");
  drafts.taken(1, message);
  expect(reloaded().get(1)).toEqual(EMPTY);
  closed("a");
  expect(stored.size).toBe(0);
});

test("what the gateway did not take stands before what was written since, with the reason", () => {
  const drafts = opened();
  const first = { text: "first", documents: [{ name: "a.md", text: "a" }] };
  drafts.sent(1, first);
  drafts.change(1, { text: "second" });
  drafts.giveBack(1, first, "The queue is full.");
  expect(drafts.get(1)).toMatchObject({ text: "first\n\nsecond", documents: [{ name: "a.md" }], problem: "The queue is full." });
  drafts.change(1, { text: "first" });
  expect(drafts.get(1).problem).toBeNull();
});

test("a turn that was being said differently goes on being said differently", () => {
  const drafts = opened();
  const edit = { edits: [{ turn: 5, text: "better" }] };
  drafts.sent(1, edit);
  drafts.giveBack(1, edit, "Away");
  expect(reloaded().get(1).edits).toEqual([{ turn: 5, text: "better" }]);
});

test("each turn has its own edit, and one that comes back keeps what was written for the turn since", () => {
  const drafts = opened();
  drafts.edit(1, { turn: 5, text: "five" });
  drafts.edit(1, { turn: 7, text: "seven" });
  drafts.edit(1, { turn: 5, text: "five, again" });
  expect([5, 7, 9].map((turn) => reloaded().editOf(1, turn)?.text)).toEqual(["five, again", "seven", undefined]);
  const sent = { edits: [{ turn: 5, text: "sent", pictures: [{ id: "a" }, { id: "b" }] }] };
  drafts.endEdit(1, 5);
  drafts.sent(1, sent);
  drafts.edit(1, { turn: 5, text: "written since", pictures: [{ id: "b" }] });
  drafts.giveBack(1, sent, "Away");
  expect([5, 7].map((turn) => reloaded().editOf(1, turn)?.text)).toEqual(["sent\n\nwritten since", "seven"]);
  expect(reloaded().editOf(1, 5)?.pictures).toEqual([{ id: "b" }, { id: "a" }]);
});

test("the one edit that earlier releases kept is still there", () => {
  stored.set("draft-1@a", JSON.stringify({ text: "", edit: { turn: 5, text: "better" } }));
  expect(opened().get(1)).toEqual({ ...EMPTY, edits: [{ turn: 5, text: "better" }] });
});

test("two messages on their way are kept in their order, and each is given back alone", () => {
  const drafts = opened();
  const [first, second] = [{ text: "first" }, { text: "second" }];
  drafts.sent(1, first);
  drafts.sent(1, second);
  vi.advanceTimersByTime(1000);
  expect(opened().get(1).text).toBe("first\n\nsecond");
  drafts.taken(1, first);
  drafts.giveBack(1, second, "Away");
  expect(drafts.get(1)).toMatchObject({ text: "second", problem: "Away" });
  drafts.giveBack(1, second, "Away");
  expect(drafts.get(1).text, "once is enough").toBe("second");
});

test("two tabs never write over each other's draft, whatever their order", () => {
  const [one, two] = [opened("one"), opened("two")];
  one.change(1, { text: "from the first" });
  two.change(1, { text: "from the second" });
  one.change(null, { text: "new, from the first" });
  expect(two.get(null)).toEqual(EMPTY);
  closed("one");
  closed("two");
  expect(opened("one").get(1).text).toBe("from the first");
  expect(opened("two").get(1).text).toBe("from the second");
});

test("what a closed tab left behind is found by the next one, once; what a living one has is not", () => {
  const first = opened("one");
  first.change(1, { text: "left" });
  vi.advanceTimersByTime(1000);
  expect(opened("two").get(1)).toEqual(EMPTY);
  closed("one");
  expect(opened("three").get(1).text).toBe("left");
  expect(opened("four").get(1)).toEqual(EMPTY);
});

test("a tab that died without a word is gone after some minutes", () => {
  opened("one").change(1, { text: "left" });
  vi.advanceTimersByTime(1000);
  vi.clearAllTimers();
  vi.setSystemTime(Date.now() + 200_000);
  expect(opened("two").get(1).text).toBe("left");
});

test("the draft of the first release, which had no tabs, is still there", () => {
  stored.set("draft-1", JSON.stringify({ text: "old" }));
  expect(opened().get(1).text).toBe("old");
  expect(stored.has("draft-1")).toBe(false);
});

test("a tab that was duplicated takes another name, and its copy of the draft with it", () => {
  const heard: { onmessage: ((event: MessageEvent) => void) | null }[] = [];
  const channel = (): Pick<BroadcastChannel, "postMessage" | "onmessage"> => {
    const own = {
      onmessage: null as ((event: MessageEvent) => void) | null,
      postMessage: (data: unknown) => {
        for (const other of heard) if (other !== own) other.onmessage?.({ data } as MessageEvent);
      },
    };
    heard.push(own);
    return own;
  };
  const original = new Drafts(new Tab("a", channel()));
  original.change(1, { text: "written" });
  vi.advanceTimersByTime(1000);
  const copied = new Tab("a", channel());
  const copy = new Drafts(copied);
  expect(copied.name).not.toBe("a");
  copy.change(1, { text: "in the copy" });
  vi.advanceTimersByTime(1000);
  expect(JSON.parse(stored.get("draft-1@a") ?? "{}")).toMatchObject({ text: "written" });
});

test("pictures stand with what is written, over a reload and where the gateway did not take them", () => {
  const drafts = opened();
  drafts.attachPicture(1, { id: "a", width: 4, height: 3 });
  expect(reloaded().get(1)).toMatchObject({ text: "", pictures: [{ id: "a", width: 4, height: 3 }] });
  const back = { text: "these", pictures: [{ id: "b" }] };
  drafts.sent(1, back);
  drafts.giveBack(1, back, "The queue is full.");
  expect(drafts.get(1)).toMatchObject({ text: "these", pictures: [{ id: "b" }, { id: "a" }] });
});

test("a picture that comes leaves what is said about the others", () => {
  const drafts = opened();
  drafts.change(1, { problem: "Too many." });
  drafts.attachPicture(1, { id: "a" });
  expect(drafts.get(1).problem).toBe("Too many.");
});

test("a picture is known as needed while a draft of any tab has it, or what was sent and not taken", () => {
  const [drafts, other] = [opened(), opened("b")];
  drafts.attachPicture(1, { id: "a" });
  other.attachPicture(1, { id: "a" });
  other.edit(2, { turn: 7, text: "", pictures: [{ id: "c" }] });
  vi.advanceTimersByTime(1000);
  drafts.change(1, { pictures: [] });
  expect([drafts.hasPicture("a"), drafts.hasPicture("b"), drafts.hasPicture("c")]).toEqual([true, false, true]);
  other.change(1, { pictures: [] });
  expect(other.hasPicture("a")).toBe(true); // the first tab has not written its change yet
  vi.advanceTimersByTime(1000);
  expect([drafts.hasPicture("a"), other.hasPicture("a")]).toEqual([false, false]);
  const back = { text: "", pictures: [{ id: "d" }] };
  drafts.sent(1, back);
  expect(drafts.hasPicture("d")).toBe(true);
  drafts.taken(1, back);
  expect(drafts.hasPicture("d")).toBe(false);
});

test("the first message of a new session is kept until the session is there, before what was written meanwhile", () => {
  const drafts = opened();
  const first = { text: "one" };
  drafts.sent(null, first);
  expect(reloaded().get(null).text).toBe("one");
  const again = opened();
  again.change(null, { text: "" });
  again.sent(null, first);
  again.change(null, { text: "second" });
  again.giveBack(null, first, "503");
  expect(again.get(null)).toMatchObject({ text: "one\n\nsecond", problem: "503" });
});

test("what was written while the session was made goes there", () => {
  const drafts = opened();
  drafts.change(null, { text: "and another thing" });
  drafts.move(5);
  expect([drafts.get(null).text, drafts.get(5).text]).toEqual(["", "and another thing"]);
  drafts.move(6);
  expect(drafts.get(6)).toEqual(EMPTY);
});
