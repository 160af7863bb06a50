/** One event connection: it goes on where it was, and the gateway knows what is followed. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { Arrival } from "../src/api/events";
import { ApiError, unreachable } from "../src/api/http";
import type { Frame } from "../src/protocol/frames";
import { EventReader, type Link, type Wire } from "../src/stores/event-reader";

/** The gateway's end: connections that were opened, and what was asked to be followed. */
class Gateway implements Wire {
  cursors: (string | null)[] = [];
  wishes: { session: number[]; run: string[]; hidden?: boolean }[] = [];
  refusal: ApiError | null = null;
  private push: (arrival: Arrival | Error) => void = () => undefined;

  async *read(cursor: string | null, signal: AbortSignal): AsyncGenerator<Arrival> {
    this.cursors.push(cursor);
    if (this.refusal !== null) throw this.refusal;
    const waiting: (Arrival | Error)[] = [];
    let wake = (): void => undefined;
    this.push = (arrival) => {
      waiting.push(arrival);
      wake();
    };
    signal.addEventListener("abort", () => this.push(unreachable()));
    for (;;) {
      for (const next of waiting.splice(0)) {
        if (next instanceof Error) throw next;
        yield next;
      }
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  follow = (_id: string, followed: { session: number[]; run: string[]; hidden?: boolean }): Promise<void> => {
    this.wishes.push(followed);
    return Promise.resolve();
  };

  async say(cursor: string, ...frames: Frame[]): Promise<void> {
    this.push({ frames, cursor });
    await vi.advanceTimersByTimeAsync(0);
  }

  async breakOff(): Promise<void> {
    this.push(unreachable());
    await vi.advanceTimersByTimeAsync(6_000);
  }
}

const open = (id: string, type = "open"): Frame => ({ stream: "connection", n: 0, event: { type, id } });
const chunk = (stream: string, n: number): Frame => ({ stream, n, event: { type: "chunk", content: "x" } });
const done = (stream: string, n: number): Frame => ({ stream, n, event: { type: "done", full_content: "x" } });

const metadata = (stream: string, n: number): Frame => ({ stream, n, event: { type: "metadata", rebuilt: true } });

let gateway: Gateway;
let frames: Frame[];
let links: Link[];
let reader: EventReader;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("addEventListener", () => undefined);
  vi.stubGlobal("removeEventListener", () => undefined);
  gateway = new Gateway();
  [frames, links] = [[], []];
  const sink = { frames: (more: Frame[]) => frames.push(...more), link: (link: Link) => links.push(link) };
  reader = new EventReader(sink, null, gateway);
});

afterEach(() => {
  reader.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function started(): Promise<void> {
  reader.start();
  await vi.advanceTimersByTimeAsync(0);
  await gateway.say("i-1", open("c1"));
}

test("what changes in one moment is told with one request, and what is known is not told again", async () => {
  await started();
  reader.follow([7], new Map([["a", null]]));
  reader.follow([7], new Map([["a", null], ["b", 3]])); // biome-ignore format: one wish
  await vi.advanceTimersByTimeAsync(0);
  reader.follow([7], new Map([["a", null], ["b", null]])); // biome-ignore format: one wish
  await vi.advanceTimersByTimeAsync(0);
  expect(gateway.wishes).toEqual([{ session: [7], run: ["a@0", "b@3"] }]);
});

test("a run that ended is not asked for again, unless somebody lacks its end", async () => {
  await started();
  reader.follow([], new Map([["a", 0]]));
  await vi.advanceTimersByTimeAsync(0);
  await gateway.say("i-1", chunk("a", 1), done("a", 2));
  reader.follow([], new Map([["a", null]]));
  reader.follow([], new Map());
  await vi.advanceTimersByTimeAsync(0);
  expect(gateway.wishes.length).toBe(1);
  reader.follow([], new Map([["a", 1]]));
  await vi.advanceTimersByTimeAsync(0);
  expect(gateway.wishes.at(-1)).toEqual({ session: [], run: ["a@1"] });
});

test("somebody who has less than what arrived gets it again, others do not make it come again", async () => {
  await started();
  reader.follow([], new Map([["a", 0]]));
  await vi.advanceTimersByTimeAsync(0);
  await gateway.say("i-1", chunk("a", 1), chunk("a", 2));
  reader.follow([], new Map([["a", 2]]));
  await vi.advanceTimersByTimeAsync(0);
  expect(gateway.wishes.length).toBe(1);
  reader.follow([], new Map([["a", 0]]));
  await vi.advanceTimersByTimeAsync(0);
  expect(gateway.wishes.at(-1)).toEqual({ session: [], run: ["a@0"] });
});

async function follows(runs: [string, number | null][], sessions: number[] = []): Promise<void> {
  reader.follow(sessions, new Map(runs));
  await vi.advanceTimersByTimeAsync(0);
}

/** Run `a` has arrived up to event 100. */
async function farOn(): Promise<void> {
  await started();
  await follows([["a", 0]]);
  await gateway.say("i-1", ...Array.from({ length: 100 }, (_, at) => chunk("a", at + 1)));
}

/** A request that is on its way until the function that comes back is called. */
function slowed(): (problem?: ApiError) => Promise<void> {
  const { follow } = gateway;
  let answer: (problem?: ApiError) => void = () => undefined;
  gateway.follow = (id, followed) => {
    void follow(id, followed);
    gateway.follow = follow;
    return new Promise((resolve, reject) => {
      answer = (problem) => (problem === undefined ? resolve() : reject(problem));
    });
  };
  return async (problem) => {
    answer(problem);
    await vi.advanceTimersByTimeAsync(0);
  };
}

test("a run that must come again does so from there, whatever arrives before that can be said", async () => {
  await farOn();
  const answered = slowed();
  await follows([["a", null]], [7]);
  await follows([["a", 5]], [7]);
  await gateway.say("i-1", chunk("a", 101));
  await follows([["a", 50]], [7]);
  await answered();
  expect(gateway.wishes.slice(1)).toEqual([{ session: [7], run: ["a"] }, { session: [7], run: ["a@5"] }]); // biome-ignore format: two wishes
});

test("its end does not count before all that must come again has come", async () => {
  await farOn();
  const answered = slowed();
  await follows([["a", null]], [7]);
  await follows([["a", 5]], [7]);
  await gateway.say("i-1", done("a", 101));
  await answered();
  expect(gateway.wishes.at(-1)).toEqual({ session: [7], run: ["a@5"] });
});

test("a number that was said counts until the run comes again, also on the next connection", async () => {
  await farOn();
  await follows([["a", 5]]);
  await gateway.say("i-1", chunk("a", 101));
  await gateway.breakOff();
  await gateway.say("i-1", open("c2"));
  expect(gateway.wishes.at(-1)).toEqual({ session: [], run: ["a@5"] });
  await gateway.say("i-1", chunk("a", 6), chunk("a", 7));
  await gateway.breakOff();
  await gateway.say("i-1", open("c3"));
  expect(gateway.wishes.at(-1)).toEqual({ session: [], run: ["a@7"] });
});

test("a number whose request failed is said to the next connection", async () => {
  await farOn();
  const answered = slowed();
  await follows([["a", 5]]);
  await gateway.say("i-1", chunk("a", 101));
  await answered(new ApiError(404, "not_found", "There is no such event connection."));
  await vi.advanceTimersByTimeAsync(6_000);
  await gateway.say("i-1", open("c2"));
  expect(gateway.wishes.at(-1)).toEqual({ session: [], run: ["a@5"] });
});

test("a run that comes again rebuilt goes on from its new numbers", async () => {
  await farOn();
  await follows([["a", 5]]);
  await gateway.say("i-1", metadata("a", 1), chunk("a", 2));
  await gateway.breakOff();
  await gateway.say("i-1", open("c2"));
  expect(gateway.wishes.at(-1)).toEqual({ session: [], run: ["a@2"] });
});

test("a run that has a gap comes again from there", async () => {
  await started();
  await follows([["a", 0]]);
  await gateway.say("i-1", chunk("a", 1), chunk("a", 3));
  await follows([["a", 1]]);
  expect(gateway.wishes.at(-1)).toEqual({ session: [], run: ["a@1"] });
});

test("after a connection that broke it goes on from its cursor, and each run from its last event", async () => {
  await started();
  reader.follow([7], new Map([["a", 0]]));
  await vi.advanceTimersByTimeAsync(0);
  await gateway.say("i-5", chunk("a", 1), chunk("a", 2));
  await gateway.breakOff();
  await gateway.say("i-5", open("c2"));
  expect(gateway.cursors).toEqual([null, "i-5"]);
  expect(gateway.wishes.at(-1)).toEqual({ session: [7], run: ["a@2"] });
  expect(links).toEqual(["connecting", "open", "lost", "connecting", "open"]);
});

test("who begins without a cursor is told to load anew, as after a reset", async () => {
  await started();
  await gateway.breakOff();
  await gateway.say("i-1", open("c2"));
  await gateway.breakOff();
  await gateway.say("j-0", open("c3", "reset"));
  expect(frames.map(({ event }) => event.type)).toEqual(["reset", "open", "reset"]);
});

test("a connection that says nothing for long is dead", async () => {
  await started();
  await vi.advanceTimersByTimeAsync(44_000);
  expect(gateway.cursors.length).toBe(1);
  await vi.advanceTimersByTimeAsync(8_000);
  expect(gateway.cursors.length).toBe(2);
});

test("a connection that the gateway no longer knows is opened again", async () => {
  await started();
  gateway.follow = () => Promise.reject(new ApiError(404, "not_found", "There is no such event connection."));
  reader.follow([7], new Map());
  await vi.advanceTimersByTimeAsync(6_000);
  expect(gateway.cursors.length).toBe(2);
});

test("a login that has ended is not tried again", async () => {
  gateway.refusal = new ApiError(401, "unauthorized", "Sign in.");
  reader.start();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(gateway.cursors.length).toBe(1);
  expect(links.at(-1)).toBe("refused");
});

test("whether anybody looks is told when it changes", async () => {
  await started();
  for (const isHidden of [false, true, true, false]) {
    reader.follow([7], new Map(), [], isHidden);
    await vi.advanceTimersByTimeAsync(0);
  }
  expect(gateway.wishes.map(({ hidden }) => hidden)).toEqual([undefined, true, false]);
});
