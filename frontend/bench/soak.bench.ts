/** The page's memory while replies come for an hour (PAGE_MINUTES says fewer), one after the other in one conversation. */

import { test } from "vitest";

import { ask, ended, says } from "../e2e/manners";
import { keep, memory, openStudio, pieces } from "./measuring";

const MINUTES = Number(process.env["PAGE_MINUTES"] ?? 60);
const RATE = 30;
const TOKENS = 900;

test("page-soak", { timeout: (MINUTES + 5) * 60_000 }, async () => {
  const studio = await openStudio({ tokens: 1, rate: 0 });
  await studio.script({ pieces: pieces(TOKENS), rate: RATE });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  page.setDefaultTimeout(300_000);
  const devtools = await page.context().newCDPSession(page);
  const heap: Record<string, number> = {};
  const began = Date.now();
  let replies = 0;
  for (let minute = 0; minute < MINUTES; minute = (Date.now() - began) / 60_000) {
    await ask(page, `Reply number ${++replies}`);
    await page.locator(".turn").last().getByText(`number ${replies}`).waitFor();
    await says(page, "Part 0");
    await ended(page);
    heap[`after ${Math.round((Date.now() - began) / 60_000)} min`] = await memory(devtools);
  }
  const elements = await page.evaluate(() => document.querySelectorAll("*").length);
  keep({
    scenario: "page soak",
    question: "The page's heap while replies come one after the other in one conversation.",
    repeat: "cd frontend && PAGE_KEEP=1 npm run soak",
    settings: { minutes: MINUTES, pieces_each: TOKENS, pieces_per_second: RATE },
    figures: { replies, elements_at_the_end: elements, heap_mib: heap },
  });
  await visitor.close();
});
