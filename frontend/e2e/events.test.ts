/** One event connection a browser: what all windows show stays true, whoever reads, and nobody waits for a free connection. */

import { setTimeout } from "node:timers/promises";

import type { Page, Request } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { words } from "../src/words";
import { answer, ask, ended, says } from "./manners";
import { AWAY, NO_PAGE, Studio, type Visitor } from "./studio";

/** How long the three other sessions of the first test take, which the acceptance has at two minutes; usually no longer than they must. */
const SECONDS = Number(process.env["WINDOWS_SECONDS"] ?? 0);
const RATE = 20;
const TOKENS = RATE * (600 + SECONDS); // the gateway is killed before
const WORDS = Array.from({ length: 100 }, (_, at) => `word${at} `);

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

interface Mark {
  shown: number;
  gone: number;
}

/** The page notes when the mark of a running reply comes to the entry with that title, and when it goes. */
async function watchMark(page: Page, title: string): Promise<void> {
  await page.evaluate((wanted) => {
    const mark: Mark = { shown: 0, gone: 0 };
    new MutationObserver(() => {
      const entry = [...document.querySelectorAll(".sessions li")].find((one) => one.textContent.includes(wanted));
      const isShown = (entry?.querySelector(".mark.running") ?? null) !== null;
      if (isShown && mark.shown === 0) mark.shown = Date.now();
      if (!isShown && mark.shown !== 0 && mark.gone === 0) mark.gone = Date.now();
    }).observe(document.body, { childList: true, subtree: true, attributes: true });
    Object.assign(window, { mark });
  }, title);
}

function mark(page: Page): Promise<Mark> {
  return page.evaluate(() => (window as unknown as { mark: Mark }).mark);
}

/** A browser has six connections to a host: how many other requests were open when a stop was asked for. */
function requestsAtStops(visitor: Visitor): number[] {
  const open = new Set<Request>();
  const counts: number[] = [];
  visitor.context.on("request", (request) => {
    if (request.url().endsWith("/stop")) counts.push(open.size);
    open.add(request);
  });
  visitor.context.on("requestfinished", (request) => open.delete(request));
  visitor.context.on("requestfailed", (request) => open.delete(request));
  return counts;
}

/** In how many frames after Esc the page says *Stopped*. */
async function stop(page: Page): Promise<number> {
  await page.evaluate((stopped) => {
    const found = (): boolean => [...document.querySelectorAll(".ending")].some((one) => one.textContent === stopped);
    const clock = { frame: 0, pressed: -1, said: -1 };
    const count = (): void => {
      clock.frame++;
      requestAnimationFrame(count);
    };
    requestAnimationFrame(count);
    addEventListener("keydown", () => (clock.pressed = clock.frame), { capture: true, once: true });
    new MutationObserver(() => {
      if (clock.said === -1 && found()) clock.said = clock.frame;
    }).observe(document.body, { childList: true, subtree: true, characterData: true });
    Object.assign(window, { clock });
  }, words.reply.stopped);
  await page.keyboard.press("Escape");
  await ended(page);
  const { pressed, said } = await page.evaluate(() => (window as unknown as { clock: { pressed: number; said: number } }).clock);
  expect(said).toBeGreaterThanOrEqual(pressed);
  return said - pressed;
}

test("eight windows with two running replies: marks change within a second without requests, a stop answers at once, and a restart is seen by all", {
  timeout: 180_000 + 1000 * SECONDS,
}, async () => {
  const visitor = await studio.newcomer();
  const openAtStop = requestsAtStops(visitor);
  await visitor.page.reload(); // its connection is counted too
  const windows = [visitor.page];
  for (let count = 1; count < 8; count++) windows.push(await visitor.tab("/"));
  const [first, second, third] = windows as [Page, Page, Page];
  for (const [at, page] of [first, second].entries()) {
    await ask(page, `Question ${at}`);
    await says(page, "word3");
  }
  await third.locator(".mark.running").nth(1).waitFor();
  const made = requests(visitor);
  await studio.script({ pieces: ["A ", "short ", "reply."], hold: true });
  const late: Mark[] = [];
  const start = performance.now();
  for (const [at, title] of ["Heron", "Egret", "Bittern"].entries()) {
    await watchMark(third, title);
    const { end } = await begin(visitor, title);
    const begun = Date.now();
    await expect.poll(async () => (await mark(third)).shown).toBeGreaterThan(0);
    await studio.step(3);
    await end;
    const over = Date.now();
    await expect.poll(async () => (await mark(third)).gone).toBeGreaterThan(0);
    const { shown, gone } = await mark(third);
    late.push({ shown: shown - begun, gone: gone - over });
    for (const page of windows) {
      const its = page.locator(".sessions li", { hasText: title });
      await its.waitFor();
      await its.locator(".mark.running").waitFor({ state: "detached" });
    }
    await setTimeout(start + (1000 * SECONDS * (at + 1)) / 3 - performance.now());
  }
  expect(made.length, made.join("\n")).toBeLessThanOrEqual(3);
  // The least of three: what else runs on the machine makes them later, and never earlier.
  expect(Math.min(...late.map(({ shown }) => shown))).toBeLessThan(1_000);
  expect(Math.min(...late.map(({ gone }) => gone))).toBeLessThan(1_000);
  expect(await stop(first)).toBeLessThanOrEqual(2);
  expect(openAtStop).toHaveLength(1);
  expect(openAtStop[0]).toBeLessThan(6);

  await studio.restartGateway();
  await second.getByText(words.thread.continue, { exact: true }).waitFor();
  for (const page of windows) await expect.poll(() => page.locator(".mark.running").count()).toBe(0);
  await studio.script({ pieces: ["A short reply."] });
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

/** `held`: the reply goes on from its fourth word by `studio.step`. */
async function two(change: string | null, held = false): Promise<Two> {
  await studio.script(held ? { pieces: WORDS, hold: true } : { pieces: WORDS, rate: 20 });
  const visitor = await studio.newcomer({ path: NO_PAGE });
  if (change !== null) await visitor.context.addInitScript(change);
  const connected = visitor.page.waitForResponse("**/api/events");
  await visitor.page.goto(studio.url);
  await connected;
  const made = requests(visitor);
  const other = await visitor.tab("/");
  await ask(other, "Question");
  if (held) await studio.step(4);
  await says(other, "word3");
  return { visitor, leader: visitor.page, other, made };
}

async function isWhole(page: Page): Promise<void> {
  await ended(page);
  expect((await answer(page).innerText()).trim()).toBe(WORDS.join("").trim());
}

const connections = (made: string[]): number => made.filter((one) => one === "GET /api/events").length;

test.each([
  ["with locks", null],
  ["on plain HTTP, without locks", "Object.defineProperty(navigator, 'locks', { value: undefined })"],
])("when the window that reads is closed, another one goes on, and nothing is lost, %s", async (_name, change) => {
  const { visitor, leader, other, made } = await led(change);
  await leader.close();
  await isWhole(other);
  await expect.poll(() => connections(made)).toBe(1); // what was on its way may have completed the reply before
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
  await expect.poll(() => connections(made)).toBe(1); // as above
  await browser.send("Debugger.resume");
  await browser.send("Debugger.disable");
  await studio.script({ pieces: WORDS });
  await ask(leader, "Another");
  await isWhole(leader);
  await visitor.close();
});

test("where tabs cannot talk to one another each has a connection of its own", async () => {
  const { visitor, leader, other, made } = await two("delete window.BroadcastChannel", true);
  await expect.poll(() => connections(made)).toBe(1);
  await leader.locator(".mark.running").waitFor();
  await studio.step(96);
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
