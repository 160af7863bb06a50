/** One event connection a browser: what all windows show stays true, whoever reads, and nobody waits for a free connection. */

import { setTimeout } from "node:timers/promises";

import type { Page, Request } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { words } from "../src/words";
import { answer, ask, ended, says } from "./manners";
import { AWAY, Studio, type Visitor } from "./studio";

/** How long the three other sessions of the first test take, which the acceptance has at two minutes; usually no longer than they must. */
const SECONDS = Number(process.env["WINDOWS_SECONDS"] ?? 0);
const RATE = 20;
const TOKENS = RATE * (75 + SECONDS);

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: TOKENS, rate: RATE, slots: 10 });
});

afterAll(async () => {
  await studio.close();
});

/** The requests of a browser's pages to the gateway's API from now on. */
function requests(visitor: Visitor): string[] {
  const found: string[] = [];
  visitor.context.on("request", (request: Request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith("/api/")) found.push(`${request.method()} ${pathname}`);
  });
  return found;
}

/** A reply that is asked for without a page, by the person whose browser this is. */
async function begin(visitor: Visitor, text: string): Promise<{ session: number; end: Promise<void> }> {
  const { request } = visitor.context;
  const headers = { Origin: studio.url };
  const { id } = (await (await request.post(`${studio.url}/api/chatbot/sessions`, { data: { title: text }, headers })).json()) as {
    id: number;
  };
  const data = { session_id: id, content: text, on_disconnect: "continue" };
  const end = request.post(`${studio.url}/api/chatbot/messages`, { data, headers }).then(() => undefined);
  return { session: id, end };
}

async function milliseconds(work: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work;
  return performance.now() - start;
}

/** How long the page takes to say *Stopped* after Esc, and how long its request to stop waits for a connection. */
async function stop(page: Page): Promise<{ said: number; waited: number }> {
  await page.evaluate((stopped) => {
    const found = (): boolean => [...document.querySelectorAll(".ending")].some((one) => one.textContent === stopped);
    const start = { at: 0, said: 0 };
    addEventListener("keydown", () => (start.at = performance.now()), { capture: true, once: true });
    new MutationObserver(() => {
      if (start.said === 0 && found()) start.said = performance.now();
    }).observe(document.body, { childList: true, subtree: true, characterData: true });
    Object.assign(window, { start });
  }, words.reply.stopped);
  await page.keyboard.press("Escape");
  await ended(page);
  return page.evaluate(() => {
    const { at, said } = (window as unknown as { start: { at: number; said: number } }).start;
    const asked = performance
      .getEntriesByType("resource")
      .findLast(({ name }) => name.endsWith("/stop")) as PerformanceResourceTiming;
    return { said: said - at, waited: asked.requestStart - asked.startTime };
  });
}

test("eight windows with two running replies: marks change within a second without requests, a stop answers at once, and a restart is seen by all", {
  timeout: 180_000 + 1000 * SECONDS,
}, async () => {
  const visitor = await studio.newcomer();
  const windows = [visitor.page];
  for (let count = 1; count < 8; count++) windows.push(await visitor.tab("/"));
  const [first, second, third] = windows as [Page, Page, Page];
  for (const [at, page] of [first, second].entries()) {
    await ask(page, `Question ${at}`);
    await says(page, "word3");
  }
  await third.locator(".mark.running").nth(1).waitFor();
  const made = requests(visitor);
  await studio.script({ pieces: ["A ", "short ", "reply."], rate: 2 });
  const start = performance.now();
  for (const [at, title] of ["Heron", "Egret", "Bittern"].entries()) {
    const { end } = await begin(visitor, title);
    const entry = third.locator(".sessions li", { hasText: title });
    expect(await milliseconds(entry.locator(".mark.running").waitFor())).toBeLessThan(1_000);
    await end;
    expect(await milliseconds(entry.locator(".mark.running").waitFor({ state: "detached" }))).toBeLessThan(1_000);
    for (const page of windows) {
      const its = page.locator(".sessions li", { hasText: title });
      await its.waitFor();
      await its.locator(".mark.running").waitFor({ state: "detached" });
    }
    await setTimeout(start + (1000 * SECONDS * (at + 1)) / 3 - performance.now());
  }
  expect(made.length, made.join("\n")).toBeLessThanOrEqual(3);
  const { said, waited } = await stop(first);
  expect(said).toBeLessThan(100);
  expect(waited).toBeLessThan(100);

  await studio.restartGateway();
  await second.getByText(words.thread.continue, { exact: true }).waitFor();
  for (const page of windows) await expect.poll(() => page.locator(".mark.running").count()).toBe(0);
  const { end } = await begin(visitor, "Crane");
  await end;
  for (const page of windows) await page.locator(".sessions li", { hasText: "Crane" }).waitFor();
  expect(made.filter((one) => one === "GET /api/chatbot/sessions").length).toBeLessThanOrEqual(2 * windows.length);
  visitor.pardon(AWAY); // a browser says that the gateway was away
  await visitor.close();
});

type Two = { visitor: Visitor; leader: Page; other: Page; made: string[] };

/**
 * Two windows: the first leads, the second has a reply that the first reads for it. On a busy machine the first may be so late with
 * its answer that the second leads, as it should; then it begins anew.
 */
async function led(change: string | null): Promise<Two> {
  for (let attempt = 0; attempt < 4; attempt++) {
    const pair = await two(change);
    if (connections(pair.made) === 0) return pair;
    await pair.visitor.close();
  }
  throw new Error("the second window reads for itself, four times of four");
}

async function two(change: string | null = null): Promise<Two> {
  await studio.script({ pieces: Array.from({ length: 100 }, (_, at) => `word${at} `), rate: 20 });
  const visitor = await studio.newcomer();
  if (change !== null) await visitor.context.addInitScript(change);
  await visitor.page.goto("about:blank"); // nothing that the page before asks for is taken for this one's
  const connected = visitor.page.waitForResponse("**/api/events");
  await visitor.page.goto(studio.url);
  await connected;
  const made = requests(visitor);
  const other = await visitor.tab("/");
  await ask(other, "Question");
  await says(other, "word3");
  return { visitor, leader: visitor.page, other, made };
}

async function isWhole(page: Page): Promise<void> {
  await ended(page);
  expect((await answer(page).innerText()).trim()).toBe(Array.from({ length: 100 }, (_, at) => `word${at}`).join(" "));
}

const connections = (made: string[]): number => made.filter((one) => one === "GET /api/events").length;

test.each([
  ["with locks", null],
  ["on plain HTTP, without locks", "Object.defineProperty(navigator, 'locks', { value: undefined })"],
])("when the window that reads is closed, another one goes on, and nothing is lost, %s", async (_name, change) => {
  const { visitor, leader, other, made } = await led(change);
  await leader.close();
  await isWhole(other);
  expect(connections(made)).toBe(1);
  await visitor.close();
});

test.each([
  ["with locks", null],
  ["on plain HTTP, without locks", "Object.defineProperty(navigator, 'locks', { value: undefined })"],
])("when the window that reads is frozen, another one goes on, %s", async (_name, change) => {
  const { visitor, leader, other, made } = await led(change);
  const browser = await visitor.context.newCDPSession(leader);
  await browser.send("Debugger.enable");
  await browser.send("Debugger.pause"); // nothing runs there any more
  await isWhole(other);
  await expect.poll(() => connections(made)).toBe(1); // what was on its way may have completed the reply before
  await browser.send("Debugger.resume");
  await browser.send("Debugger.disable");
  await ask(leader, "Another");
  await isWhole(leader);
  await visitor.close();
});

test("where tabs cannot talk to one another each has a connection of its own", async () => {
  const { visitor, leader, other, made } = await two("delete window.BroadcastChannel");
  expect(connections(made)).toBe(1);
  await leader.locator(".mark.running").waitFor();
  await isWhole(other);
  await leader.locator(".sessions li", { hasText: "Question" }).click();
  await isWhole(leader);
  await visitor.close();
});

test("a conversation that is open in two windows shows what is sent in either, and which version is chosen", async () => {
  await studio.script({ pieces: ["One ", "two ", "three."], rate: 4 });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "First");
  await ended(page);
  const second = await visitor.tab(new URL(page.url()).pathname);
  await ended(second);
  await ask(page, "Second");
  await second.locator(".answer").nth(1).getByText("One two three.").waitFor();
  await ended(second);
  await second.getByRole("button", { name: words.thread.regenerate }).last().click();
  await page.getByText("2/2").waitFor();
  await page.getByRole("button", { name: words.thread.previousVersion }).click();
  await second.getByText("1/2").waitFor();
  await visitor.close();
});
