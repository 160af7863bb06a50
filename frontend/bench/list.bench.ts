/**
 * The list of conversations with 5 000 of them (LIST_SESSIONS says fewer), scrolled from its beginning to its end in Chromium at a quarter
 * of its speed: the longest task, the memory, and whether each row came once.
 */

import { test } from "vitest";

import { words } from "../src/words";
import { keep, memory, openStudio } from "./measuring";

const SESSIONS = Number(process.env["LIST_SESSIONS"] ?? 5_000);
const SLOWER = 4;
/** One step of scrolling, as a wheel gives it. */
const STEP = 600;

test("five thousand conversations are scrolled through", async () => {
  const studio = await openStudio({ tokens: 1, rate: 0 });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  const talk = (id: number) => ({
    title: `Conversation number ${id}`,
    conversation_id: `c-${id}`,
    create_time: 1_700_000_000 + id * 3600,
    current_node: "a",
    mapping: {
      u: { parent: null, message: { author: { role: "user" }, content: { content_type: "text", parts: [`Question ${id}`] } } },
      a: { parent: "u", message: { author: { role: "assistant" }, content: { content_type: "text", parts: [`Answer ${id}`] } } },
    },
  });
  await page.goto(`${studio.url}/settings`);
  const all = Array.from({ length: SESSIONS }, (_, id) => talk(id));
  const file = { name: "conversations.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(all)) };
  await page.setInputFiles("input[type=file]", file);
  await page.getByRole("button", { name: words.imports.run(SESSIONS) }).click({ timeout: 120_000 });
  await page.getByText(words.imports.result(SESSIONS, 0, 0)).waitFor({ timeout: 600_000 });
  await page.goto(studio.url);
  await page.locator(".entry").first().waitFor();

  const devtools = await page.context().newCDPSession(page);
  const before = await memory(devtools);
  await devtools.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
  const scrolled = await page.evaluate(async (step) => {
    const list = document.querySelector(".sessions") as HTMLElement;
    const tasks: number[] = [];
    new PerformanceObserver((found) => tasks.push(...found.getEntries().map(({ duration }) => duration))).observe({
      type: "longtask",
    });
    const frames: number[] = [];
    let last = performance.now();
    for (;;) {
      list.scrollTop += step;
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      frames.push(now - last);
      last = now;
      const isAtEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 1;
      if (isAtEnd && list.querySelector(".more") === null) break;
    }
    const sorted = [...frames].sort((one, other) => one - other);
    return {
      tasks: tasks.length,
      longest: Math.max(0, ...tasks),
      frames: frames.length,
      p99: sorted[Math.floor(0.99 * sorted.length)] ?? 0,
      seconds: frames.reduce((sum, one) => sum + one, 0) / 1000,
      rows: list.querySelectorAll(".entry").length,
      elements: list.querySelectorAll("*").length,
      links: [...list.querySelectorAll<HTMLAnchorElement>(".entry")].map(({ href }) => href),
    };
  }, STEP);
  await devtools.send("Emulation.setCPUThrottlingRate", { rate: 1 });
  const after = await memory(devtools);
  const { links, ...figures } = scrolled;
  keep({
    scenario: "page list",
    question:
      "How long do tasks take, and how much memory, when a long list of conversations is scrolled to its end on a slow processor?",
    repeat: "npx vitest run --config bench.config.ts bench/list.bench.ts",
    settings: { sessions: SESSIONS, slower: SLOWER },
    figures: { ...figures, different: new Set(links).size, memory_before: before, memory_after: after },
  });
  await visitor.close();
});
