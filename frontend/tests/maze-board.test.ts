/** What is drawn of a maze, and how it moves. */

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { tilesOf, trailOf, wallPath } from "../src/components/maze/drawing";
import { Motion } from "../src/components/maze/motion";
import { apply, DIRECTIONS, generate, ticks, type Logged, type State } from "../src/protocol/maze";
import { actionText } from "../src/components/maze/actions";
import {} from "../src/features/maze/sentences";

const direction = fc.constantFrom(...DIRECTIONS);
const action: fc.Arbitrary<Logged> = fc.oneof(
  direction.map((one): Logged => ({ action: "move", direction: one })),
  fc.array(direction, { minLength: 1, maxLength: 8 }).map((directions): Logged => ({ action: "path", directions })),
  direction.map((one): Logged => ({ action: "break_wall", direction: one })),
  fc.constantFrom<Logged>({ action: "wait" }, { action: "unreadable" }, { action: "freeze_germs" }),
);

test("the trail has the player’s tile of each tick, one step at a time", () => {
  fc.assert(
    fc.property(fc.nat(), fc.boolean(), fc.array(action, { maxLength: 60 }), (seed, fog, actions) => {
      const states: State[] = [generate(seed, { size: 9, loops: 50, germs: 1, fog, oxygen: 0 })];
      const done: { action: Logged }[] = [];
      for (const one of actions) {
        const state = states.at(-1);
        if (state?.status !== "playing") break;
        states.push(apply(state, one));
        done.push({ action: one });
      }
      const trail = trailOf(states, done);
      expect(trail).toHaveLength((states.at(-1)?.tick ?? 0) + 1);
      for (const { tick, player } of states) expect(trail[tick]).toBe(player);
      trail.forEach((tile, at) => expect([0, 1, 9]).toContain(Math.abs(tile - (trail[at - 1] ?? tile))));
    }),
  );
});

/** The tiles, and the pairs of neighbours, that lines of a path of walls join. */
function drawn(path: string, size: number): { tiles: Set<number>; pairs: string[] } {
  const [tiles, pairs]: [Set<number>, string[]] = [new Set(), []];
  for (const [, x, y, way, length] of path.matchAll(/M([\d.]+) ([\d.]+)([hv])(\d+)/g)) {
    const start = (Number(y) - 0.5) * size + Number(x) - 0.5;
    const step = way === "h" ? 1 : size;
    for (let at = 0; at <= Number(length); at++) tiles.add(start + at * step);
    for (let at = 0; at < Number(length); at++) pairs.push(`${start + at * step} ${start + (at + 1) * step}`);
  }
  return { tiles, pairs };
}

test("each wall that was seen is drawn once and joined with those beside it; no other is", () => {
  fc.assert(
    fc.property(fc.nat(), fc.boolean(), fc.nat({ max: 100 }), fc.array(action, { maxLength: 20 }), (seed, fog, loops, actions) => {
      let state = generate(seed, { size: 11, loops, germs: 0, fog, oxygen: 0 });
      for (const one of actions) if (state.status === "playing") state = apply(state, one);
      const isDrawn = (tile: number): boolean => state.grid[tile] === "#" && (!fog || state.known[tile] === "1");
      const tiles = Array.from(state.grid, (_, tile) => tile).filter(isDrawn);
      const right = tiles.filter((tile) => tile % 11 < 10 && isDrawn(tile + 1)).map((tile) => `${tile} ${tile + 1}`);
      const down = tiles.filter((tile) => isDrawn(tile + 11)).map((tile) => `${tile} ${tile + 11}`);
      const found = drawn(wallPath(state), 11);
      expect([...found.tiles].sort((a, b) => a - b)).toEqual(tiles);
      expect(found.pairs.sort()).toEqual([...right, ...down].sort());
    }),
  );
});

test("a path that leads off the board ends at its border", () => {
  const state = generate(7, { size: 9, loops: 0, germs: 0, fog: false, oxygen: 0 });
  expect(tilesOf(state, ["up", "up", "up"])).toEqual([10, 1]);
  expect(tilesOf(state, ["left", "left"])).toEqual([10, 9]);
});

test.each<[Logged, string]>([
  [{ action: "move", direction: "up" }, "Go up"],
  [{ action: "path", directions: ["right", "right", "right", "up", "right"] }, "Go right × 3, up and right"],
  [{ action: "break_wall", direction: "left" }, "Break the wall left"],
  [{ action: "unreadable" }, "No action"],
])("%j in words", (one, text) => {
  expect(actionText(one)).toBe(text);
});

describe("motion", () => {
  let frames: ((now: number) => void)[];
  const frame = (now: number): void => {
    for (const callback of frames.splice(0)) callback(now);
  };
  const piece = { places: [] as string[], setAttribute: (_name: string, value: string): unknown => piece.places.push(value) };

  beforeEach(() => {
    frames = [];
    piece.places = [];
    vi.stubGlobal("requestAnimationFrame", (callback: (now: number) => void) => frames.push(callback));
    vi.stubGlobal("cancelAnimationFrame", () => (frames = []));
    vi.spyOn(performance, "now").mockReturnValue(0);
  });

  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  const start = generate(7, { size: 9, loops: 100, germs: 0, fog: false, oxygen: 0 });
  const steps = ticks(start, { action: "path", directions: ["right", "right"] });

  test("a tick passes in its time, between the tiles, once a frame", () => {
    const seen: State[] = [];
    const motion = new Motion((state) => seen.push(state));
    motion.place(piece, []);
    motion.jump(start);
    motion.pass(steps, 100);
    expect(seen).toEqual([start, steps[0]]);
    piece.places = [];
    frame(50);
    expect(piece.places).toEqual(["translate(2.000 1.500)"]);
    frame(100);
    expect(piece.places.at(-1)).toBe("translate(2.500 1.500)");
    expect(seen.at(-1)).toBe(steps[1]);
    frame(200);
    expect([piece.places.at(-1), frames.length]).toEqual(["translate(3.500 1.500)", 0]);
  });

  test("who falls behind moves faster", () => {
    const motion = new Motion(() => undefined);
    motion.place(piece, []);
    motion.jump(start);
    motion.pass([...steps, ...steps, ...steps, ...steps, ...steps], 100); // ten ticks
    frame(40);
    expect(piece.places.at(-1)).toBe("translate(2.500 1.500)");
  });

  test("a jump leaves out what was on its way", () => {
    const motion = new Motion(() => undefined);
    motion.place(piece, []);
    motion.jump(start);
    motion.pass(steps, 100);
    motion.jump(start);
    expect([piece.places.at(-1), frames.length]).toEqual(["translate(1.500 1.500)", 0]);
    motion.pass(steps, 100);
    frame(100);
    expect(piece.places.at(-1)).toBe("translate(2.500 1.500)");
  });
});
