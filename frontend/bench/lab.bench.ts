/**
 * The budget of the lab: a run of 2 000 trials, of which four are written side by side at full rate.
 *
 * In the page: the CPU time of the longest tasks, times four, as for a processor at a quarter of this speed; the frames; the memory early
 * and late; and whether what the page counts is what the gateway says, at any time and at the end.
 */

import type { Page } from "playwright-core";
import { expect, test } from "vitest";

import { request } from "../e2e/manners";
import { longTasks } from "../e2e/tasks";
import type { LabRun } from "../src/api/lab";
import { words } from "../src/words";
import { framesWhile, keep, memory, openStudio } from "./measuring";

const SLOWER = 4;
const CASES = Number(process.env["LAB_CASES"] ?? 1000);
const SECONDS = Number(process.env["LAB_SECONDS"] ?? 20);
const ANSWER = "Some words of an answer that goes on for a while. ".repeat(12).match(/[^]{1,5}/g) ?? [];

/** The marks of the trials in the page. */
async function marks(page: Page): Promise<Record<string, number>> {
  return page.evaluate(() => {
    const found: Record<string, number> = {};
    for (const cell of document.querySelectorAll<HTMLElement>(".matrix button[data-mark]")) {
      const mark = cell.dataset["mark"] ?? "";
      found[mark] = (found[mark] ?? 0) + 1;
    }
    return found;
  });
}

test("lab", async () => {
  const studio = await openStudio({ tokens: 1, rate: 0, slots: 5 });
  await studio.script({ pieces: ANSWER, rate: 60 });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  page.setDefaultTimeout(120_000);
  const devtools = await page.context().newCDPSession(page);
  const cases = Array.from({ length: CASES }, (_, at) => ({ name: `Case ${at}`, input: `Say something of ${at}.` }));
  const { id } = await request<LabRun>(page, "POST", "/api/lab/runs", {
    set: { title: "Many", cases },
    templates: [
      { title: "One", content: "You are brief." },
      { title: "Two", content: "You are not." },
    ],
  });
  const open = await longTasks(page, 0, async () => {
    await page.goto(`${studio.url}/lab/${id}`);
    await page.locator(".pane").nth(3).getByText(/words/).waitFor();
  });
  await page.waitForTimeout(3000); // warm-up
  const early = await memory(devtools);
  const live = await longTasks(page, 0, () => page.waitForTimeout(SECONDS * 1000));
  const frames = await framesWhile(page, () => page.waitForTimeout(SECONDS * 1000));
  expect(await page.locator(".pane").count()).toBe(4);
  await studio.script({ pieces: ANSWER, rate: 0 });
  const fast = await longTasks(page, 0, () => page.waitForTimeout(SECONDS * 1000));
  const late = await memory(devtools);
  const stop = await longTasks(page, 0, async () => {
    await page.getByRole("button", { name: words.lab.run.stopAll }).click();
    await page
      .locator(".run-head [role=status]")
      .getByText(/^(Stopped|Done)/)
      .waitFor();
  });
  const { counts } = await request<LabRun>(page, "GET", `/api/lab/runs/${id}`);
  expect(counts.complete + counts.stopped).toBe(2 * CASES);
  expect(await marks(page)).toEqual({ ended: counts.complete, ...(counts.stopped > 0 && { stopped: counts.stopped }) });
  const results = await longTasks(page, 0, async () => {
    await page.getByRole("tab", { name: words.lab.run.tabs.results }).click();
    await page.getByRole("region", { name: words.lab.results.table }).waitFor();
  });
  await visitor.context.close();
  const longest = ([first = 0]: number[]): number => SLOWER * first;
  keep({
    scenario: "page lab",
    question:
      "A run of 2 000 trials, four of them written side by side: how long does a task hold up the page, and does memory grow?",
    repeat: "cd frontend && npx vitest run --config bench.config.ts bench/lab.bench.ts",
    settings: { slower: SLOWER, trials: 2 * CASES, seconds: SECONDS },
    figures: {
      longest_task_ms: {
        open: longest(open),
        live: longest(live),
        fast: longest(fast),
        stop: longest(stop),
        results: longest(results),
      },
      frames,
      memory_mib: { early, late },
      counts,
    },
  });
});
