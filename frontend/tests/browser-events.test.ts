/** Several tabs of one browser: one of them reads, and all of them hear. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { Numbered } from "../src/protocol/events";
import type { Frame } from "../src/protocol/frames";
import { BrowserEvents, type Listener, type RunReader } from "../src/stores/browser-events";
import type { Sink } from "../src/stores/event-reader";

type Handler = ((event: MessageEvent) => unknown) | null;

/** What connects the tabs; a frozen one hears nothing. */
class Air {
  readonly channels: { onmessage: Handler; frozen: boolean }[] = [];

  open(): { onmessage: Handler; frozen: boolean; postMessage: (data: unknown) => void; close: () => void } {
    const channel = {
      onmessage: null as Handler,
      frozen: false,
      postMessage: (data: unknown): void => {
        for (const other of this.channels) {
          if (other === channel || other.frozen || channel.frozen) continue;
          queueMicrotask(() => other.onmessage?.({ data: structuredClone(data) } as MessageEvent));
        }
      },
      close: (): void => undefined,
    };
    this.channels.push(channel);
    return channel;
  }
}

class Reader {
  running = false;
  sessions: number[] = [];
  rooms: number[] = [];
  isHidden = false;
  /** Each with the number that it was last given. */
  runs = new Map<string, number | null>();

  constructor(
    readonly sink: Sink,
    readonly cursor: string | null,
  ) {}

  start(): void {
    this.running = true;
  }

  stop(): void {
    this.running = false;
  }

  follow(
    sessions: Iterable<number>,
    runs: ReadonlyMap<string, number | null>,
    rooms: Iterable<number> = [],
    isHidden = false,
  ): void {
    this.isHidden = isHidden;
    this.sessions = [...sessions];
    this.rooms = [...rooms];
    this.runs = new Map([...runs].map(([id, after]) => [id, after ?? this.runs.get(id) ?? null]));
  }
}

const TIMINGS = { askMs: 4_000, patienceMs: 3_000, firstMs: 200, hiddenMs: 30_000, goneMs: 60_000 };

class Tab implements RunReader, Listener {
  readers: Reader[] = [];
  isHidden = false;
  heard: string[] = [];
  last = 0;
  readonly events: BrowserEvents;
  readonly channel: ReturnType<Air["open"]> | null;

  constructor(air: Air | null) {
    this.channel = air?.open() ?? null;
    this.events = new BrowserEvents({
      channel: this.channel as never,
      locks: undefined,
      timings: TIMINGS,
      isHidden: () => this.isHidden,
      reader: (sink, cursor) => {
        const reader = new Reader(sink, cursor);
        this.readers.push(reader);
        return reader;
      },
    });
    this.events.listen(this);
    this.events.start();
  }

  get reader(): Reader | undefined {
    return this.readers.findLast(({ running }) => running);
  }

  take = (batch: Numbered[]): boolean => {
    for (const { id } of batch) {
      if (id > this.last + 1) return false;
      this.last = Math.max(this.last, id);
    }
    return true;
  };
  closed = (reason: string): unknown => this.heard.push(`closed ${reason}`);
  linked = (): void => undefined;
  list = ({ type }: { type: string }): unknown => this.heard.push(type);
  session = ({ type, session_id }: { type: string; session_id: number }): unknown => this.heard.push(`${type} ${session_id}`);
  missed = (): unknown => this.heard.push("missed");
  refused = (): unknown => this.heard.push("refused");
}

const chunk = (stream: string, n: number): Frame => ({ stream, n, event: { type: "chunk", content: "x" } });
const deleted: Frame = { stream: "sessions", n: 1, event: { type: "deleted", session_id: 1 } };

let air: Air;
let tabs: Tab[];

beforeEach(() => {
  vi.useFakeTimers();
  air = new Air();
  tabs = [];
});

afterEach(() => {
  for (const { events } of tabs) events.stop();
  vi.useRealTimers();
});

async function pass(milliseconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(milliseconds);
}

async function opened(others: Air | null = air): Promise<Tab> {
  const tab = new Tab(others);
  tabs.push(tab);
  await pass(1_000);
  return tab;
}

const reading = (): Tab[] => tabs.filter(({ reader }) => reader !== undefined);

test("one tab reads, and tells the others what they want to know", async () => {
  const [first, second] = [await opened(), await opened()];
  expect(reading()).toEqual([first]);
  second.events.watch(7);
  second.events.follow("a", second);
  await pass(0);
  expect(first.reader).toMatchObject({ sessions: [7], runs: new Map([["a", 0]]) });
  first.reader?.sink.frames([deleted, chunk("a", 1), chunk("b", 1)], "i-4");
  await pass(0);
  expect([first.heard, second.heard, second.last]).toEqual([["deleted"], ["deleted"], 1]);
  expect([first.events.link, second.events.link]).toEqual(["open", "open"]);
});

test("tabs that begin in the same moment agree on one", async () => {
  for (let count = 0; count < 8; count++) tabs.push(new Tab(air));
  await pass(2_000);
  expect(reading().length).toBe(1);
  await pass(60_000);
  expect(reading().length).toBe(1);
});

test("a tab that lacks something gets it from there", async () => {
  const [first, second] = [await opened(), await opened()];
  second.events.follow("a", second);
  await pass(0);
  first.reader?.sink.frames([chunk("a", 1), chunk("a", 3)], "i-1");
  await pass(0);
  expect(first.reader?.runs).toEqual(new Map([["a", 1]]));
});

test("where the reading tab is closed another one goes on from the cursor, with all that is wanted", async () => {
  const [first, second, third] = [await opened(), await opened(), await opened()];
  third.events.watch(9);
  second.events.follow("a", second);
  await pass(0);
  first.reader?.sink.frames([deleted, chunk("a", 1)], "i-4");
  await pass(0);
  first.events.stop();
  await pass(2_000);
  expect(reading().length).toBe(1);
  const next = reading()[0]?.reader;
  expect(next).toMatchObject({ cursor: "i-4", sessions: [9], runs: new Map([["a", 1]]) });
});

test("a tab that is frozen while it reads is replaced, and follows once it is awake", async () => {
  const [first, second] = [await opened(), await opened()];
  const { channel } = first;
  if (channel !== null) channel.frozen = true;
  await pass(15_000);
  expect(second.reader).toBeDefined();
  if (channel !== null) channel.frozen = false;
  await pass(15_000);
  expect(reading().length).toBe(1);
});

test("a tab that nobody looks at lets go after a while, and has everything again when somebody does", async () => {
  const [first, second] = [await opened(), await opened()];
  second.events.watch(7);
  second.events.follow("a", second);
  second.isHidden = true;
  second.events.look();
  await pass(29_000);
  expect(first.reader?.sessions).toEqual([7]);
  await pass(2_000);
  expect([first.reader?.sessions, first.reader?.runs.size]).toEqual([[], 0]);
  first.isHidden = true;
  first.events.look();
  await pass(31_000);
  expect(reading()).toEqual([]);
  second.isHidden = false;
  second.last = 4;
  second.events.look();
  await pass(20_000);
  expect(reading().length).toBe(1);
  expect(reading()[0]?.reader).toMatchObject({ sessions: [7], runs: new Map([["a", 4]]) });
});

test("what a tab has in sight may have changed once somebody looks at it again, unless that was a moment ago", async () => {
  const tab = await opened();
  let returned = 0;
  tab.events.listen({ returned: () => (returned += 1) });
  const turn = async (isHidden: boolean, ms: number): Promise<void> => {
    tab.isHidden = isHidden;
    tab.events.look();
    await pass(ms);
  };
  for (const [ms, count] of [
    [5_000, 0],
    [31_000, 1],
    [1_000, 1],
  ] as const) {
    await turn(true, ms);
    await turn(false, 10);
    expect(returned).toBe(count);
  }
});

test("a tab that went without a word is forgotten", async () => {
  const [first, second] = [await opened(), await opened()];
  second.events.watch(7);
  await pass(0);
  if (second.channel !== null) second.channel.frozen = true;
  await pass(70_000);
  first.events.watch(8);
  await pass(0);
  expect(first.reader?.sessions).toEqual([8]);
});

test("a tab that only listens is followed however long the leader talks without a pause", async () => {
  const [first, second] = [await opened(), await opened()];
  second.events.watch(7);
  second.events.follow("a", second);
  await pass(0);
  for (let n = 1; n <= 180; n++) {
    first.reader?.sink.frames([chunk("a", n)], "i-1");
    await pass(1_000);
  }
  expect(second.last).toBe(180);
  first.events.watch(8);
  await pass(0);
  expect(new Set(first.reader?.sessions)).toEqual(new Set([7, 8]));
  expect([...(first.reader?.runs.keys() ?? [])]).toEqual(["a"]);
  first.reader?.sink.frames([chunk("a", 181), { stream: "session", n: 2, event: { type: "messages", session_id: 7 } }], "i-2");
  await pass(0);
  expect([second.last, second.heard]).toEqual([181, ["messages 7"]]);
});

test("a tab without any wish keeps the connection where the leader is out of sight", async () => {
  const [first, second] = [await opened(), await opened()];
  for (let n = 1; n <= 180; n++) {
    if (n === 100) first.isHidden = true;
    if (n === 100) first.events.look();
    first.reader?.sink.frames([deleted], "i-1");
    await pass(1_000);
  }
  expect(second.heard.length).toBe(180);
});

test("a word that was lost is said again", async () => {
  const [first, second] = [await opened(), await opened()];
  if (second.channel !== null) second.channel.frozen = true;
  second.events.watch(7);
  await pass(0);
  if (second.channel !== null) second.channel.frozen = false;
  expect(first.reader?.sessions).toEqual([]);
  await pass(20_000);
  expect(first.reader?.sessions).toEqual([7]);
});

test("a run whose last events were lost comes again from there, one that moves does not", async () => {
  const [first, second] = [await opened(), await opened()];
  second.events.follow("a", second);
  await pass(0);
  for (let n = 1; n <= 50; n++) {
    first.reader?.sink.frames([chunk("a", n)], "i-1");
    await pass(1_000);
  }
  expect(first.reader?.runs).toEqual(new Map([["a", 0]]));
  if (second.channel !== null) second.channel.frozen = true;
  first.reader?.sink.frames([chunk("a", 51)], "i-1");
  await pass(0);
  if (second.channel !== null) second.channel.frozen = false;
  await pass(40_000);
  expect(first.reader?.runs).toEqual(new Map([["a", 50]]));
});

test("a tab that was frozen out of sight has everything again as soon as it is in sight", async () => {
  const [first, second] = [await opened(), await opened()];
  second.events.follow("a", second);
  await pass(0);
  first.reader?.sink.frames([chunk("a", 1)], "i-1");
  await pass(0);
  if (second.channel !== null) second.channel.frozen = true;
  first.reader?.sink.frames([chunk("a", 2)], "i-1");
  await pass(0);
  if (second.channel !== null) second.channel.frozen = false;
  second.events.look();
  await pass(0);
  expect(first.reader?.runs).toEqual(new Map([["a", 1]]));
});

test("a login that ended is heard of in each tab, once, and not tried again", async () => {
  const [first, second] = [await opened(), await opened()];
  const { reader } = first;
  reader?.sink.link("connecting");
  reader?.stop();
  reader?.sink.link("refused");
  await pass(0);
  await pass(60_000);
  expect([first.heard, second.heard, reader?.running]).toEqual([["refused"], ["refused"], false]);
  const third = await opened();
  expect(third.heard).toEqual(["refused"]);
});

test("where tabs cannot talk each reads for itself, at once", async () => {
  const [first, second] = [await opened(null), await opened(null)];
  expect(reading()).toEqual([first, second]);
});

test("a browser is hidden as soon as each of its tabs is, and before it lets go", async () => {
  const [first, second] = [await opened(), await opened()];
  const turn = async (tab: Tab, isHidden: boolean): Promise<void> => {
    tab.isHidden = isHidden;
    tab.events.look();
    await pass(0);
  };
  first.events.watch(1);
  second.events.watch(2);
  await turn(first, true);
  expect(first.reader?.isHidden).toBe(false);
  await turn(second, true);
  expect(first.reader).toMatchObject({ isHidden: true, sessions: [1, 2] });
  await turn(second, false);
  expect(first.reader?.isHidden).toBe(false);
});

test("in company a tab that nobody looks at lets its runs go, and stays", async () => {
  const tab = await opened();
  tab.events.watch(7);
  tab.events.follow("a", tab);
  tab.events.stay(true);
  tab.isHidden = true;
  tab.events.look();
  await pass(31_000);
  expect(tab.reader).toMatchObject({ isHidden: true, sessions: [7], runs: new Map() });
  tab.events.stay(false);
  await pass(0);
  expect(tab.reader).toBeUndefined();
});
