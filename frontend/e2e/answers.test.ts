/** What a reply may be besides text, as the page shows it: thoughts that came as text, tool calls, what the model is not told any more. */

import { mkdirSync } from "node:fs";

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { words } from "../src/words";
import { Studio } from "./studio";

const PICTURES = new URL("./pictures/", import.meta.url).pathname;
const CALL = { index: 0, id: "call_1", function: { name: "weather", arguments: '{"city": "Oslo"}' } };
const FILTERED = JSON.stringify({
  error: { code: "content_filter", message: "The prompt triggered the content management policy." },
});

let studio: Studio;

beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  studio = await Studio.open({ tokens: 10, rate: 50 });
});

afterAll(async () => {
  await studio.close();
});

async function ask(page: Page, text: string): Promise<void> {
  await page.getByLabel(words.composer.label, { exact: true }).fill(text);
  await page.keyboard.press("Enter");
}

test("thoughts whose opening tag the server swallowed move out of the answer, and stay there after a reload", async () => {
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await studio.script({ pieces: ["Let me ", "see.\n", "</thi", "nk>\n\n", "It is ", "**four**."], hold: true });
  await ask(page, "What is two and two?");
  await studio.step(2);
  await page.getByText("Let me see.").waitFor();
  await studio.step(4);
  await page.locator(".answer strong", { hasText: "four" }).waitFor();
  await page.getByRole("button", { name: words.thread.regenerate }).waitFor();
  for (const look of ["live", "again"]) {
    if (look === "again") await page.reload();
    await page.locator(".answer strong", { hasText: "four" }).waitFor();
    expect(await page.locator(".answer").innerText()).not.toContain("Let me");
    await page.getByText(words.thread.thoughts, { exact: true }).click();
    await page.locator(".thoughts").getByText("Let me see.").waitFor();
  }
  await page.screenshot({ path: `${PICTURES}30 thoughts that came as text.png` });
  await visitor.close();
});

test("a tool call is there, with its name and its arguments, live and after a reload", async () => {
  const visitor = await studio.newcomer();
  const { page } = visitor;
  const delta = JSON.stringify({ choices: [{ index: 0, delta: { tool_calls: [CALL] } }] });
  await studio.script({ pieces: ["I look that up."], raw: [delta], finish_reason: "tool_calls" });
  await ask(page, "How is the weather?");
  await page.getByText(words.thread.toolCall("weather")).waitFor();
  await page.getByRole("button", { name: words.thread.regenerate }).waitFor();
  await page.reload();
  await page.getByText(words.thread.toolCall("weather")).click();
  await page.getByText('"city": "Oslo"').waitFor();
  await page.screenshot({ path: `${PICTURES}31 tool call.png` });
  await visitor.close();
});

test("what a filter refused is marked once the model is not told it any more", async () => {
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await studio.script({ status: 400, body: FILTERED });
  await ask(page, "Something doubtful");
  await page.getByText(/content filter refused this message/).waitFor();
  await studio.script({ pieces: ["Gladly."] });
  await page.getByRole("button", { name: words.common.send, exact: true }).waitFor();
  await ask(page, "Something else");
  await page.getByText("Gladly.").waitFor();
  await page.getByRole("button", { name: words.thread.regenerate }).waitFor();
  expect(await page.getByText(words.thread.leftOut).count()).toBe(1);
  const told = (await studio.log()).at(-1)?.body.messages;
  expect(told?.map(({ content }) => content)).toEqual(["Something else"]);
  await page.screenshot({ path: `${PICTURES}32 left out.png` });
  await visitor.close();
});

test("a reply that the filter ends says so", async () => {
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await studio.script({ pieces: ["Once upon"], finish_reason: "content_filter" });
  await ask(page, "A story");
  await page.getByText(words.reply.filtered).waitFor();
  await visitor.close();
});
