/** A game as somebody plays, watches or replays it: actions, hints and the gateway's word in; the state in sight out. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { ApiError, unreachable } from "../src/api/http";
import type { Game, Hint, Replay } from "../src/api/maze";
import type { Numbered, StreamEvent } from "../src/protocol/events";
import { replay, type Action, type Direction, type Settings } from "../src/protocol/maze";
import type { RunReader } from "../src/stores/browser-events";
import type { Link } from "../src/stores/event-reader";
import { MazePlay, type MazeGateway } from "../src/stores/maze-play";

const SEED = 3;
const SETTINGS: Settings = { size: 7, loops: 0, germs: 0, fog: false, oxygen: 0 };
const WAIT: Action = { action: "wait" };
const go = (direction: Direction): Action => ({ action: "move", direction });

/** A way from the start to the exit of that maze. */
const WAY: Direction[] = wayOf();

function wayOf(): Direction[] {
  const [start] = replay(SEED, SETTINGS, []);
  const { grid } = start as { grid: string };
  const steps: Record<Direction, number> = { up: -7, down: 7, left: -1, right: 1 };
  let ways: { tile: number; way: Direction[] }[] = [{ tile: 8, way: [] }];
  const seen = new Set([8]);
  for (;;) {
    const found = ways.find(({ tile }) => tile === 40);
    if (found !== undefined) return found.way;
    ways = ways.flatMap(({ tile, way }) =>
      (Object.keys(steps) as Direction[])
        .map((direction) => ({ tile: tile + steps[direction], way: [...way, direction] }))
        .filter((next) => grid[next.tile] === "." && !seen.has(next.tile) && seen.add(next.tile)),
    );
  }
}

const [FIRST, BACK] = ((): [Direction, Direction] => {
  const first = WAY[0] ?? "up";
  return [first, ({ up: "down", down: "up", left: "right", right: "left" } as const)[first]];
})();

/** The gateway, with one game. */
class Gateway implements MazeGateway {
  actions: Game["actions"] = [];
  hints: Hint[] = [];
  status: Game["status"] = "playing";
  stream: string | null = null;
  /** What it was sent: how many were known, and what followed. */
  readonly sent: [after: number, actions: string[]][] = [];
  readonly asked: number[] = [];
  /** The next answers to `act` that are errors. */
  refusals: (ApiError | "lost answer")[] = [];

  constructor(
    private readonly mode: Game["mode"],
    private readonly mine = true,
  ) {}

  get replay(): Replay {
    const last = replay(
      SEED,
      SETTINGS,
      this.actions.map(({ action }) => action),
    ).at(-1);
    if (last === undefined) throw new Error("no state");
    if (this.status === "playing") this.status = last.status;
    return {
      ...{ id: 1, mode: this.mode, set: "practice", maze: 1, seed: SEED, rules: 1, settings: SETTINGS },
      ...{ template_id: null, template_version: null, template_title: null, prompt: "", model: null, forcing: "legal" as const },
      ...{
        status: this.status,
        state: last as Replay["state"],
        stream_id: this.stream,
        mine: this.mine,
        created_at: "",
        ended_at: null,
      },
      result: {
        ...{ score: null, steps: last.tick, shortest: 8, illegal: 0, powers: 0, tokens: 0 },
        first_token_ms: null,
        seconds: 0,
      },
      actions: [...this.actions],
      hints: [...this.hints],
    };
  }

  act = async (_game: number, after: number, actions: readonly Action[]): Promise<Game> => {
    await Promise.resolve();
    const refusal = this.refusals.shift();
    this.sent.push([after, actions.map(textOf)]);
    if (refusal instanceof ApiError) throw refusal;
    if (after !== this.actions.length) throw new ApiError(409, "out_of_step", "The game has other actions.");
    this.actions.push(...actions.map((action) => ({ action, legal: true })));
    if (refusal === "lost answer") throw unreachable();
    return this.replay;
  };

  game = (): Promise<Replay> => Promise.resolve(this.replay);

  async *hint(_game: number, after: number): AsyncIterable<Numbered[]> {
    this.asked.push(after);
    await Promise.resolve();
    this.stream = `hint${this.asked.length}`;
    yield [{ id: 1, event: { type: "metadata", stream_id: this.stream } as StreamEvent }];
  }

  giveUp = (): Promise<Game> => {
    this.status = "given_up";
    return Promise.resolve(this.replay);
  };

  /** A hint has ended with this answer; in a game of the model the world moves. */
  ended(answer: string, action: Action): void {
    const after = this.actions.length;
    const number = this.hints.length + 1;
    const about = {
      model: null,
      forcing: "legal" as const,
      total_ms: 1,
      first_token_ms: 1,
      tokens: 5,
      error: null,
      created_at: "",
    };
    const stream_id = this.stream ?? "";
    this.hints.push({
      ...about,
      number,
      after,
      stream_id,
      status: "complete",
      say: "",
      reading: "exact",
      action,
      legal: true,
      answer,
    });
    if (this.mode === "lam") this.actions.push({ action, legal: true });
    this.stream = null;
  }
}

function textOf(action: Action): string {
  return "direction" in action ? action.direction : action.action;
}

/** The event connection. */
class Runs {
  link: Link = "open";
  readonly readers = new Map<string, RunReader>();
  follow = (id: string, reader: RunReader): (() => void) => {
    this.readers.set(id, reader);
    return () => this.readers.delete(id);
  };

  say(id: string, ...events: StreamEvent[]): void {
    const last = this.readers.get(id)?.last ?? 0;
    this.readers.get(id)?.take(events.map((event, at) => ({ id: last + at + 1, event })));
  }
}

const chunk = (content: string): StreamEvent => ({ type: "chunk", content });
const done = (content: string, reason = "stop"): StreamEvent =>
  ({ type: "done", assistant_message_id: null, full_content: content, finish_reason: reason }) as StreamEvent;
const failure: StreamEvent = {
  type: "error",
  code: "llm_error",
  message: "The model is gone.",
  retryable: true,
  assistant_message_id: null,
};
const answerOf = (action: Action, say = "This way"): string => JSON.stringify({ say, do: action });

let runs: Runs;
let stops: string[];

beforeEach(() => {
  vi.useFakeTimers();
  runs = new Runs();
  stops = [];
  vi.stubGlobal("addEventListener", () => undefined);
  vi.stubGlobal("removeEventListener", () => undefined);
  vi.stubGlobal("fetch", (path: string) => {
    stops.push(path);
    return Promise.resolve(new Response("{}"));
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const soon = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

async function opened(gateway: Gateway): Promise<MazePlay> {
  return MazePlay.open(1, runs, gateway);
}

describe("playing oneself", () => {
  test("what is done counts at once and is sent in batches, each after what the gateway has", async () => {
    const gateway = new Gateway("manual");
    const play = await opened(gateway);
    play.act(go(FIRST));
    play.act(go(BACK));
    expect([play.count, gateway.sent]).toEqual([2, []]);
    await soon(300);
    play.act(go(FIRST));
    await soon(300);
    expect(gateway.sent).toEqual([
      [0, [FIRST, BACK]],
      [2, [FIRST]],
    ]);
    play.close();
  });

  test("an illegal action is refused here and never sent", async () => {
    const gateway = new Gateway("manual");
    const play = await opened(gateway);
    expect(play.act(go("up"))).toBe(false);
    expect([play.count, play.rejection?.action]).toEqual([0, go("up")]);
    await soon(1000);
    expect(gateway.sent).toEqual([]);
    play.close();
  });

  test("where the gateway can’t be reached the same actions are sent again", async () => {
    const gateway = new Gateway("manual");
    gateway.refusals = [unreachable(), new ApiError(503, "unavailable", "Later")];
    const play = await opened(gateway);
    play.act(go(FIRST));
    await soon(260);
    expect([play.log.problem?.status, play.log.isStored]).toEqual([0, false]);
    await soon(5000);
    play.setClockStopped(true);
    expect([play.log.problem, play.log.isStored]).toEqual([null, true]);
    expect(gateway.actions[0]).toEqual({ action: go(FIRST), legal: true });
    expect(gateway.sent.map(([after]) => after).slice(0, 3)).toEqual([0, 0, 0]);
    play.close();
  });

  test("an answer that was lost makes no action count twice", async () => {
    const gateway = new Gateway("manual");
    gateway.refusals = ["lost answer"];
    const play = await opened(gateway);
    play.setClockStopped(true);
    play.act(go(FIRST));
    await soon(260);
    play.act(go(BACK));
    await soon(5000);
    expect([gateway.actions.map(({ action }) => textOf(action as Action)), play.count]).toEqual([[FIRST, BACK], 2]);
    expect(play.log.replacement).toBeNull();
    play.close();
  });

  test("where the game went on elsewhere that log holds", async () => {
    const gateway = new Gateway("manual");
    const play = await opened(gateway);
    play.setClockStopped(true);
    gateway.actions = [{ action: WAIT, legal: true }];
    play.act(go(FIRST));
    await soon(300);
    expect([play.log.entries.map(({ action }) => action), play.log.replacement, play.log.isStored]).toEqual([[WAIT], 1, true]);
    play.act(go(FIRST));
    await soon(300);
    expect(gateway.sent.at(-1)).toEqual([1, [FIRST]]);
    play.close();
  });

  test("what the gateway refuses is taken back, with its reason", async () => {
    const gateway = new Gateway("manual");
    gateway.refusals = [new ApiError(422, "illegal_action", "There is a wall.")];
    const play = await opened(gateway);
    play.setClockStopped(true);
    play.act(go(FIRST));
    await soon(300);
    expect([play.count, play.log.problem?.message]).toEqual([0, "There is a wall."]);
    play.close();
  });

  test("the exit ends the game, and the log is sent without delay", async () => {
    const gateway = new Gateway("manual");
    const play = await opened(gateway);
    for (const direction of WAY) play.act(go(direction));
    expect([play.isOver, play.game.status]).toEqual([true, "playing"]);
    await soon();
    expect(play.game.status).toBe("won");
    expect(play.act(WAIT)).toBe(false);
    play.close();
  });

  test("what is left when the page is left is sent once", async () => {
    const gateway = new Gateway("manual");
    const play = await opened(gateway);
    play.act(go(FIRST));
    play.close();
    await soon(10_000);
    expect(gateway.sent).toEqual([[0, [FIRST]]]);
  });

  test("also what came while earlier actions were on their way", async () => {
    const gateway = new Gateway("manual");
    gateway.refusals = [unreachable()];
    const play = await opened(gateway);
    play.setClockStopped(true);
    play.act(go(FIRST));
    await soon(260); // it is refused, and waits to be sent again
    play.act(go(BACK));
    play.close();
    await soon(10_000);
    expect(gateway.sent.at(-1)).toEqual([0, [FIRST, BACK]]);
    expect(gateway.actions.map(({ action }) => textOf(action as Action))).toEqual([FIRST, BACK]);
  });

  test("to break a wall, a direction must follow", async () => {
    const gateway = new Gateway("manual");
    const play = await opened(gateway);
    const inner = (["down", "right"] as const).find((direction) => direction !== FIRST) ?? "down";
    play.use("break_wall");
    expect([play.isAiming, play.count]).toEqual([true, 0]);
    play.go(inner);
    expect([play.isAiming, play.log.entries.map(({ action }) => action)]).toEqual([
      false,
      [{ action: "break_wall", direction: inner }],
    ]);
    play.use("break_wall");
    play.use("break_wall");
    expect(play.isAiming).toBe(false);
    play.close();
  });
});

describe("the clock", () => {
  test("it starts with the first action, and a tick passes so long after the last one", async () => {
    const play = await opened(new Gateway("manual"));
    await soon(5000);
    expect(play.count).toBe(0);
    play.act(go(FIRST));
    await soon(600);
    play.act(go(BACK));
    await soon(690);
    expect(play.count).toBe(2);
    await soon(20);
    expect(play.log.entries.at(-1)?.action).toEqual(WAIT);
    await soon(700);
    expect(play.count).toBe(4);
    play.close();
  });

  test.each([
    ["out of sight", (play: MazePlay, isHeld: boolean) => play.setHidden(isHeld)],
    ["when somebody stops it", (play: MazePlay, isHeld: boolean) => play.setClockStopped(isHeld)],
    ["while somebody looks at the past", (play: MazePlay, isHeld: boolean) => play.look(isHeld ? 0 : null)],
  ])("it stands still %s", async (_name, hold) => {
    const play = await opened(new Gateway("manual"));
    play.act(go(FIRST));
    hold(play, true);
    await soon(5000);
    expect(play.count).toBe(1);
    hold(play, false);
    await soon(710);
    expect(play.count).toBe(2);
    play.close();
  });
});

describe("hints", () => {
  test("what is said grows, the action is shown when its value closes, and time stands still until somebody acts", async () => {
    const gateway = new Gateway("manual");
    const play = await opened(gateway);
    play.act(go(FIRST));
    play.ask();
    await soon(10);
    expect([gateway.sent.length, gateway.asked]).toEqual([1, [1]]); // the log first
    const answer = answerOf(go(BACK));
    const [said, rest] = [answer.slice(0, 12), answer.slice(12)];
    runs.say("hint1", chunk(said));
    expect([play.hint?.say, play.preview]).toEqual(["This", null]);
    runs.say("hint1", chunk(rest.slice(0, -1)));
    expect([play.hint?.over, play.preview]).toEqual([false, go(BACK)]);
    await soon(5000);
    gateway.ended(answer, go(BACK));
    runs.say("hint1", chunk(rest.slice(-1)), done(answer));
    await soon(5000);
    expect([play.count, play.hints.length, play.preview]).toEqual([1, 1, go(BACK)]);
    expect(play.follow()).toBe(true);
    expect([play.count, play.preview]).toEqual([2, null]);
    await soon(710);
    expect(play.count).toBe(3);
    play.close();
  });

  test("who moves on stops the model", async () => {
    const play = await opened(new Gateway("manual"));
    play.ask();
    await soon();
    runs.say("hint1", chunk(answerOf(go(FIRST))));
    play.act(WAIT);
    await soon();
    expect([play.hint?.isOvertaken, play.preview, stops]).toEqual([true, null, ["/api/chatbot/streams/hint1/stop"]]);
    play.close();
  });

  test("a hint on its way is found again", async () => {
    const gateway = new Gateway("manual");
    gateway.stream = "hint0";
    const play = await opened(gateway);
    runs.say("hint0", { type: "metadata", stream_id: "hint0" } as StreamEvent, chunk(answerOf(go(FIRST))));
    expect([play.isAsking, play.hint?.say, play.preview]).toEqual([true, "This way", go(FIRST)]);
    play.close();
    expect(runs.readers.size).toBe(0);
  });

  test("thoughts that came as text are taken out of what is said", async () => {
    const play = await opened(new Gateway("manual"));
    play.ask();
    await soon();
    runs.say("hint1", chunk('Hm {"say": "no"'), { type: "relabel", to: "thinking", start: 0 }, chunk('{"say": "yes"'));
    expect(play.hint?.say).toBe("yes");
    play.close();
  });
});

describe("the model plays", () => {
  async function answered(gateway: Gateway, action: Action): Promise<void> {
    const { stream } = gateway;
    const answer = answerOf(action);
    gateway.ended(answer, action);
    runs.say(stream ?? "", chunk(answer), done(answer));
    await soon(2000);
  }

  test("it is asked again and again until the end", async () => {
    const gateway = new Gateway("lam");
    const play = await opened(gateway);
    play.run();
    await soon();
    for (const direction of WAY) await answered(gateway, go(direction));
    expect([play.game.status, play.isRunning, gateway.asked]).toEqual(["won", false, WAY.map((_, at) => at)]);
    play.close();
  });

  test("paused, it still does what it is at, and no more", async () => {
    const gateway = new Gateway("lam");
    const play = await opened(gateway);
    play.run();
    await soon();
    play.pause();
    await answered(gateway, go(FIRST));
    await soon(10_000);
    expect([play.count, gateway.asked, play.isRunning]).toEqual([1, [0], false]);
    play.close();
  });

  test.each([
    ["a failure", failure],
    ["a stop", done("", "cancelled")],
  ])("%s ends its playing", async (_name, ending) => {
    const gateway = new Gateway("lam");
    const play = await opened(gateway);
    play.run();
    await soon();
    runs.say("hint1", ending);
    await soon(10_000);
    expect([play.isRunning, gateway.asked, play.hint?.problem]).toEqual([
      false,
      [0],
      ending === failure ? "The model is gone." : null,
    ]);
    play.run();
    await soon();
    expect(gateway.asked).toEqual([0, 0]);
    play.close();
  });

  test("the browser’s actions are not taken", async () => {
    const gateway = new Gateway("lam");
    const play = await opened(gateway);
    expect(play.act(WAIT)).toBe(false);
    await soon(1000);
    expect([play.count, gateway.sent]).toEqual([0, []]);
    play.close();
  });

  test("states that are the same stay the same, so that the board moves from one to the next", async () => {
    const gateway = new Gateway("lam");
    const play = await opened(gateway);
    const before = play.state;
    play.ask();
    await soon();
    await answered(gateway, go(FIRST));
    expect(play.log.states[0]).toBe(before);
    expect(play.state).toBe(play.log.states[1]);
    play.close();
  });
});

describe("looking at the past", () => {
  async function played(): Promise<MazePlay> {
    const gateway = new Gateway("manual");
    gateway.actions = WAY.map((direction) => ({ action: go(direction), legal: true }));
    gateway.hints = [];
    const before = gateway.actions;
    gateway.actions = before.slice(0, 2);
    gateway.ended(answerOf(WAIT), WAIT);
    gateway.actions = before;
    return opened(gateway);
  }

  test("each state is shown as it was, with its hint or with what was done next", async () => {
    const play = await played();
    play.look(2);
    expect([play.state, play.hintInSight?.number, play.preview]).toEqual([play.log.states[2], 1, WAIT]);
    play.look(3);
    expect([play.hintInSight, play.preview]).toEqual([null, go(WAY[3] ?? "up")]);
    play.look(-5);
    expect(play.at).toBe(0);
    play.look(1000);
    expect([play.at, play.isPast]).toEqual([WAY.length, false]);
    play.close();
  });

  test("the past passes by until the newest state", async () => {
    const play = await played();
    play.replay();
    expect(play.at).toBe(0);
    await soon(600);
    expect([play.at, play.isReplaying]).toEqual([1, true]);
    play.stopReplay();
    await soon(5000);
    expect([play.at, play.isReplaying]).toEqual([1, false]);
    play.replay();
    await soon(60_000);
    expect([play.at, play.isReplaying, play.isPast]).toEqual([WAY.length, false, false]);
    play.close();
  });

  test("somebody else’s game begins at its start", async () => {
    const gateway = new Gateway("manual", false);
    gateway.actions = WAY.map((direction) => ({ action: go(direction), legal: true }));
    const play = await opened(gateway);
    expect([play.at, play.isPast, play.act(WAIT)]).toEqual([0, true, false]);
    play.close();
  });
});
