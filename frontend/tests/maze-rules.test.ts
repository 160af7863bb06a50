/** The rules of the maze are those of the gateway: the games of contracts/mazes/ have the same states here. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import {
  actionOf,
  apply,
  BadLog,
  choice,
  DIRECTIONS,
  generate,
  legal,
  POWERS,
  replay,
  score,
  ticks,
  type Action,
  type Logged,
  type Settings,
  type State,
} from "../src/protocol/maze";

const FOLDER = new URL("../../contracts/mazes/", import.meta.url);

interface Recorded {
  seed: number;
  settings: Settings;
  actions: Logged[];
  start: State;
  changes: Partial<State>[];
  legal: boolean[];
  result: { score: number };
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));
}

const GAMES = readdirSync(FOLDER).filter((name) => name.endsWith(".json") && name !== "games.json");

describe("whole games", () => {
  test.each(GAMES)("%s", (name) => {
    const game = read(name) as Recorded;
    const states = replay(game.seed, game.settings, game.actions);
    let expected = game.start;
    const all = [expected, ...game.changes.map((changes) => (expected = { ...expected, ...changes }))];
    expect(states).toEqual(all);
    expect(game.actions.map((action, at) => legal(states[at] ?? game.start, action))).toEqual(game.legal);
    expect(score(states.at(-1) ?? game.start)).toBe(game.result.score);
  });
});

/** What a game of games.json is drawn with: see contracts/mazes/README.md. */
class Drawn {
  constructor(private random: number) {}

  draw(count: number): number {
    const [number, next] = choice(this.random, count);
    this.random = next;
    return number;
  }

  direction(): (typeof DIRECTIONS)[number] {
    return DIRECTIONS[this.draw(4)] ?? "up";
  }

  settings(): { settings: Settings; seed: number } {
    const size = 5 + 2 * this.draw(15);
    const loops = this.draw(101);
    const germs = this.draw(13) * this.draw(2);
    const fog = this.draw(2) === 1;
    const oxygen = this.draw(2) * this.draw(500);
    const [break_wall, slow_germs, freeze_germs, scan] = POWERS.map(() => this.draw(10)) as [number, number, number, number];
    return {
      settings: { size, loops, germs, fog, oxygen, powers: { break_wall, slow_germs, freeze_germs, scan } },
      seed: this.random,
    };
  }

  action(): Action {
    if (this.draw(2) === 1) return { action: "move", direction: this.direction() };
    switch (this.draw(6)) {
      case 0:
        return { action: "path", directions: Array.from({ length: 1 + this.draw(8) }, () => this.direction()) };
      case 1:
        return { action: "break_wall", direction: this.direction() };
      case 2:
        return { action: "slow_germs" };
      case 3:
        return { action: "freeze_germs" };
      case 4:
        return { action: "scan" };
      default:
        return { action: "wait" };
    }
  }
}

function line(state: State): string {
  const { grid, known, player, germs, came, random, tick, oxygen, slowed, frozen, illegal, used, shortest, status } = state;
  const powers = Object.fromEntries(POWERS.map((power) => [power, state.powers[power]]));
  return `${JSON.stringify([grid, known, player, germs, came, random, tick, oxygen, powers, slowed, frozen, illegal, used, shortest, status])}\n`;
}

test("a thousand games of up to 200 legal actions have the digests of the gateway", { timeout: 120_000 }, () => {
  const games = read("games.json") as { actions: number; status: string; score: number; sha256: string }[];
  const found = games.map((_, at) => {
    const drawn = new Drawn(at);
    const { settings, seed } = drawn.settings();
    let state = generate(seed, settings);
    const digest = createHash("sha256").update(line(state));
    let actions = 0;
    while (actions < 200 && state.status === "playing") {
      const action = drawn.action();
      if (!legal(state, action)) continue;
      state = apply(state, action);
      digest.update(line(state));
      actions++;
    }
    return { actions, status: state.status, score: score(state), sha256: digest.digest("hex").slice(0, 16) };
  });
  expect(found).toEqual(games);
});

test("a seed is a number of 32 bits", () => {
  const settings: Settings = { size: 5, loops: 0, germs: 0, fog: false, oxygen: 0 };
  for (const seed of [-1, 2 ** 32, 0.5, Number.NaN]) expect(() => generate(seed, settings)).toThrow(BadLog);
});

test("nothing follows the end of a game", () => {
  const over: State = { ...generate(1, { size: 5, loops: 0, germs: 0, fog: false, oxygen: 0 }), status: "won" };
  expect(legal(over, { action: "wait" })).toBe(false);
  expect(() => ticks(over, { action: "wait" })).toThrow(BadLog);
});

test.each([
  ["a step", { action: "move", direction: "up" }, true],
  ["a path", { action: "path", directions: ["up", "left"] }, true],
  ["a path of nine", { action: "path", directions: Array(9).fill("up") }, false],
  ["an empty path", { action: "path", directions: [] }, false],
  ["a step to nowhere", { action: "move", direction: "north" }, false],
  ["a step without a direction", { action: "move" }, false],
  ["a wait with a direction", { action: "wait", direction: "up" }, false],
  ["something more", { action: "wait", why: "I am tired" }, false],
  ["an action that only a log has", { action: "unreadable" }, false],
  ["text", "wait", false],
  ["null", null, false],
])("%s is read as an action or not", (_name, value, isAction) => {
  expect(actionOf(value)).toEqual(isAction ? value : null);
});
