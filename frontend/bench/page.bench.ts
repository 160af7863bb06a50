/**
 * The budget of the page: a long reply that comes fast, at the end of a long session, on a slow processor.
 *
 * 300 pieces a second, 60 000 in all (PAGE_TOKENS says fewer), after 500 messages, in Chromium at a quarter of its speed. Measured
 * in the page: the time between two frames after warm-up, how long a key takes to be painted, and how long a stop takes to be seen. The
 * frames are those of a headless Chromium without a screen: it makes one whenever the last is done, at most 60 a second.
 */

import type { CDPSession, Page } from "playwright-core";
import { test } from "vitest";

import { ask, ended, says } from "../e2e/manners";
import { Studio } from "../e2e/studio";
import { words } from "../src/words";
import { keep, memory, openStudio, pieces } from "./measuring";

const TOKENS = Number(process.env["PAGE_TOKENS"] ?? 60_000);
const RATE = 300;
const SLOWER = 4;

function quantile(sorted: number[], share: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
}

function summary(values: number[]): Record<string, number> {
  const sorted = [...values].sort((a, b) => a - b);
  return { count: sorted.length, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), max: quantile(sorted, 1) };
}

async function watchFrames(page: Page): Promise<void> {
  await page.evaluate(() => {
    const frames: number[] = [];
    Object.assign(window, { frames });
    let last = performance.now();
    const frame = (now: number): void => {
      frames.push(now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}

/** The frames since the last call, in milliseconds. */
async function frames(page: Page): Promise<number[]> {
  return page.evaluate(() => (window as unknown as { frames: number[] }).frames.splice(0));
}

/** From a key to the next frame after it, in milliseconds. */
async function typing(page: Page): Promise<number[]> {
  await page.evaluate(() => {
    const delays: number[] = [];
    Object.assign(window, { delays });
    document.addEventListener("keydown", ({ timeStamp }) =>
      requestAnimationFrame(() => setTimeout(() => delays.push(performance.now() - timeStamp))),
    );
  });
  await page.getByLabel(words.composer.label, { exact: true }).focus();
  for (const letter of "typing while the words come") {
    await page.keyboard.press(letter === " " ? "Space" : letter);
    await page.waitForTimeout(120);
  }
  return page.evaluate(() => (window as unknown as { delays: number[] }).delays);
}

/** From the key to the painted word, in milliseconds. */
async function stopping(page: Page): Promise<number> {
  await page.evaluate(() => {
    document.addEventListener(
      "keydown",
      ({ timeStamp }) => {
        const look = (): void => {
          if (document.querySelector(".answer:last-of-type .ending, .answer .ending") === null) requestAnimationFrame(look);
          else setTimeout(() => Object.assign(window, { stoppedAfter: performance.now() - timeStamp }));
        };
        look();
      },
      { once: true },
    );
  });
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => "stoppedAfter" in window);
  return page.evaluate(() => Math.round((window as unknown as { stoppedAfter: number }).stoppedAfter));
}

/** Where the time of the last seconds went, in milliseconds a second. */
async function spent(devtools: CDPSession, page: Page, seconds: number): Promise<Record<string, number>> {
  const read = async (): Promise<Map<string, number>> => {
    const { metrics } = await devtools.send("Performance.getMetrics");
    return new Map(metrics.map(({ name, value }) => [name, value]));
  };
  const before = await read();
  await page.waitForTimeout(seconds * 1000);
  const after = await read();
  const names = { script: "ScriptDuration", layout: "LayoutDuration", style: "RecalcStyleDuration", all: "TaskDuration" };
  return Object.fromEntries(
    Object.entries(names).map(([as, name]) => [
      as,
      Math.round((1000 * ((after.get(name) ?? 0) - (before.get(name) ?? 0))) / seconds),
    ]),
  );
}

/** A newcomer's first load: what it transfers, and when something is to be seen. */
async function firstLoad(studio: Studio): Promise<Record<string, number>> {
  const page = await studio.blank();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
  await page.goto(studio.url);
  await page.getByLabel(words.common.email).waitFor();
  const found = await page.evaluate(() => {
    const entries = performance
      .getEntriesByType("resource")
      .concat(performance.getEntriesByType("navigation")) as PerformanceResourceTiming[];
    const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0;
    return {
      bytes: entries.reduce((sum, { transferSize }) => sum + transferSize, 0),
      requests: entries.length,
      first_paint_ms: Math.round(paint),
    };
  });
  await page.context().close();
  return found;
}

test("page", async () => {
  const studio = await openStudio({ tokens: 1, rate: 0 });
  const load = await firstLoad(studio);
  await studio.script({ pieces: pieces(TOKENS), rate: RATE });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  page.setDefaultTimeout(600_000);
  const messages = Array.from({ length: 500 }, (_, at) => ({
    id: at + 1,
    role: at % 2 === 0 ? "user" : "assistant",
    content: at % 2 === 0 ? `Question ${at}` : pieces(200).join(""),
    parent_id: at === 0 ? null : at,
  }));
  const file = JSON.stringify({ format: "lam-session", version: 1, session: { title: "Long", active_message_id: 500 }, messages });
  await page.goto(`${studio.url}/settings`);
  await page.setInputFiles("input[type=file]", { name: "long.json", mimeType: "application/json", buffer: Buffer.from(file) });
  await page.getByRole("button", { name: words.imports.run(1) }).click();
  await page.getByRole("button", { name: words.imports.show }).click();
  await page.waitForURL(/\/c\/\d+/);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });

  await ask(page, "Write a book");
  await says(page, "Part 3");
  await watchFrames(page);
  await page.waitForTimeout(5_000); // warm-up
  await frames(page);
  const seconds = TOKENS / RATE;
  await devtools.send("Performance.enable");
  const earlySpent = await spent(devtools, page, 10);
  const early = await frames(page);
  const memoryEarly = await memory(devtools);
  await frames(page);
  const keys = await typing(page);
  await page.getByLabel(words.composer.label, { exact: true }).fill("");
  await frames(page);
  const middle = (await page.waitForTimeout(Math.max(0, (seconds - 60) * 1000)), await frames(page));
  await frames(page);
  const lateSpent = await spent(devtools, page, 10);
  const late = await frames(page);
  const lateKeys = await typing(page);
  const memoryLate = await memory(devtools);
  const length = await page.evaluate(() => document.querySelector(".answer[aria-busy=true]")?.textContent.length ?? 0);
  const stopMs = await stopping(page);
  await ended(page);
  const figures = {
    first_load: load,
    characters_when_stopped: length,
    frame_ms: { early: summary(early), middle: summary(middle), late: summary(late) },
    ms_per_second: { early: earlySpent, late: lateSpent },
    typing_ms: { early: summary(keys), late: summary(lateKeys) },
    stop_ms: stopMs,
    heap_mib: { early: memoryEarly, late: memoryLate },
  };
  keep({
    scenario: "page",
    question: "A long reply that comes fast, after 500 messages, in a Chromium slowed down four times: frames, keys, stop.",
    repeat: "cd frontend && PAGE_KEEP=1 npm run bench",
    settings: { pieces: TOKENS, pieces_per_second: RATE, slower: SLOWER },
    figures,
  });
  await visitor.close();
});
