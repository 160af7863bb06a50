/** The maze and the lab in mqtt mode: the words come from a worker, through a real Mosquitto. */

import { afterAll, beforeAll, expect, test } from "vitest";

import type { GameAnswer } from "../src/api/schema";
import { words } from "../src/words";
import { request } from "./manners";
import { NO_PAGE, Studio } from "./studio";

const { maze } = words;
/** The way through the mazes of size 5 with these seeds, and what does not lead there. */
const WAY = { say: "I go right, then down.", do: { action: "path", directions: ["right", "right", "down", "down"] } };
const WAIT = { say: "I do not know.", do: { action: "wait" } };
const SEEDS = [1, 2, 6, 8, 10, 11];

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 12, rate: 100, slots: 4, worker: "streams" });
});

afterAll(async () => {
  await studio.close();
});

/** `rate`: of the way. */
async function cue(rate: number): Promise<void> {
  await studio.cues([
    { text: "CUE-WAY", reply: { pieces: pieces(WAY), rate } },
    { text: "CUE-WAIT", reply: { pieces: pieces(WAIT), rate: 30 } },
  ]);
}

function pieces(answer: object): string[] {
  return JSON.stringify(answer).match(/[^]{1,4}/g) ?? [];
}

test("a game is played by hand with a hint, another by the model, and a set is run to its end", async () => {
  const visitor = await studio.newcomer({ path: NO_PAGE });
  const { page } = visitor;
  const of = { seed: SEEDS[0], size: 5, loops: 0, germs: 0, prompt: "CUE-WAY" };

  // A hint streams into the bubble, and Enter follows it.
  const mine = await request<GameAnswer>(page, "POST", "/api/maze/games", { mode: "manual", ...of });
  await page.goto(`${studio.url}/maze/${mine.id}`);
  await page.locator(".maze-board").waitFor();
  await cue(5);
  await page.keyboard.press("h");
  await page.locator(".bubble .said[data-running]").waitFor();
  await studio.rush();
  await page.locator(".bubble .said").getByText(WAY.say).waitFor();
  await page.getByRole("button", { name: maze.follow }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByText(maze.score(1000)).waitFor();

  // The model plays: the worker's answer is what the gateway does.
  await cue(30);
  const model = await request<GameAnswer>(page, "POST", "/api/maze/games", { mode: "lam", ...of });
  await page.goto(`${studio.url}/maze/${model.id}`);
  await page.getByRole("button", { name: maze.run }).click();
  await page.getByText(maze.endings.won.lam).first().waitFor();
  const won = await request<GameAnswer>(page, "GET", `/api/maze/games/${model.id}`);
  expect([won.status, won.result.score, won.actions]).toEqual(["won", 1000, [{ action: WAY.do, legal: true }]]);

  // A set of mazes, two prompts: every cell streams, the table says which one is better.
  const { id } = await request<{ id: number }>(page, "POST", "/api/lab/runs", {
    set: { title: "Small mazes", maze: { size: 5, loops: 0, germs: 0, fog: false, seeds: SEEDS } },
    templates: [
      { title: "Knows the way", content: "CUE-WAY" },
      { title: "Waits", content: "CUE-WAIT" },
    ],
    steps: 8,
  });
  await page.goto(`${studio.url}/lab/${id}`);
  await page.locator(".pane").first().getByText(WAIT.say).first().waitFor();
  await page.locator(".run-head [role=status]").getByText(/^Done/).waitFor({ timeout: 120_000 });
  await page.getByRole("tab", { name: words.lab.run.tabs.results }).click();
  await page.getByText(/“Knows the way.*” is better than “Waits.*”: 100% against 0% on 6 tasks/).waitFor();
  await visitor.close();
});
