/**
 * The budget of the maze: its largest, 33 by 33 tiles in the fog with twelve germs, on a slow processor.
 *
 * Somebody begins a game, walks, scans, asks for a hint, and looks at the past. Of each, the CPU time of the longest task of the page's
 * main thread, from the browser's own trace, times four: the budget of 50 ms is for a processor at a quarter of this speed. CPU time says
 * the same whatever else the machine does; the browser's own brake, which waits by the clock, does not.
 */

import type { Page } from "playwright-core";
import { test } from "vitest";

import { ARROWS, winning } from "../e2e/mazes";
import { Studio } from "../e2e/studio";
import { longTasks } from "../e2e/tasks";
import type { GameAnswer } from "../src/api/schema";
import { generate } from "../src/protocol/maze";
import { words } from "../src/words";
import { keep, memory, openStudio } from "./measuring";

const SLOWER = 4;
const STEPS = 50;
const ROUNDS = Number(process.env["MAZE_ROUNDS"] ?? 5);
const { maze } = words;
const GAME = { mode: "manual", seed: 4, size: 33, loops: 30, germs: 12, fog: true, oxygen: 0 };

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** One game: the longest task of each part, in milliseconds. */
async function round(studio: Studio, page: Page): Promise<Record<string, number>> {
  const longest: Record<string, number> = {};
  const measure = async (part: string, does: () => Promise<void>): Promise<void> => {
    longest[part] = SLOWER * ((await longTasks(page, 0, does))[0] ?? 0);
  };
  const game = (await page.evaluate(
    async (body) =>
      (await (
        await fetch("/api/maze/games", { method: "POST", body, headers: { "Content-Type": "application/json" } })
      ).json()) as unknown,
    JSON.stringify(GAME),
  )) as GameAnswer;
  const steps = winning(generate(game.seed, game.settings)).slice(0, STEPS);
  await page.goto(`${studio.url}/maze`);
  const entry = page.locator(`a[href="/maze/${game.id}"]`).first();
  await entry.waitFor();
  await measure("begin", async () => {
    await entry.click();
    await page.locator(".maze-board").waitFor();
    await page.waitForTimeout(1000);
  });
  await page.keyboard.press("p"); // the clock stands still: the germs are where the plan expects them
  await measure("walk", async () => {
    for (const direction of steps) {
      await page.keyboard.press(direction === undefined ? " " : ARROWS[direction]);
      await page.waitForTimeout(120);
    }
  });
  await measure("scan", async () => {
    await page.keyboard.press("c");
    await page.waitForTimeout(1000);
  });
  await measure("hint", async () => {
    await page.keyboard.press("h");
    await page.locator(".maze-timeline li").first().waitFor();
  });
  await measure("past", async () => {
    await page.getByRole("slider", { name: maze.position }).focus();
    await page.keyboard.press("Home");
    for (let step = 0; step < 30; step++) {
      await page.keyboard.press("ArrowRight");
      await page.waitForTimeout(60);
    }
    await page.keyboard.press("Home");
  });
  await measure("replay", async () => {
    await page.getByRole("button", { name: maze.replay, exact: true }).click();
    await page.waitForTimeout(8000);
  });
  return longest;
}

test("maze", async () => {
  const studio = await openStudio({ tokens: 1, rate: 0 });
  const say = "A hint in some words. ".repeat(10);
  await studio.script({ pieces: JSON.stringify({ say, do: { action: "wait" } }).match(/[^]{1,4}/g), rate: 40 });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  const rounds: Record<string, number>[] = [];
  for (let count = 0; count < ROUNDS; count++) rounds.push(await round(studio, page));
  const parts = Object.keys(rounds[0] ?? {});
  const longest = (value: (values: number[]) => number): Record<string, number> =>
    Object.fromEntries(parts.map((part) => [part, value(rounds.map((one) => one[part] ?? 0))]));
  const mib = await memory(await page.context().newCDPSession(page));
  await visitor.context.close();
  keep({
    scenario: "page maze",
    question: "The largest maze on a processor at a quarter of this speed: how long does a task hold up the page?",
    repeat: "cd frontend && npx vitest run --config bench.config.ts bench/maze.bench.ts",
    settings: { slower: SLOWER, steps: STEPS, rounds: ROUNDS, size: GAME.size, germs: GAME.germs },
    figures: {
      longest_task_ms: longest(median),
      longest_task_ms_worst_round: longest((values) => Math.max(...values)),
      memory_mib: mib,
    },
  });
});
