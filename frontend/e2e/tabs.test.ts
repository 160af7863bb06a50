/** Several tabs and several conversations at once. */

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { words } from "../src/words";
import { answer, ask, ended, says } from "./manners";
import { REFUSED, Studio } from "./studio";

/** Of replies that are stopped. */
const LONG = Array.from({ length: 2000 }, (_, at) => `word${at} `);

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 1, rate: 0, slots: 10 });
});

beforeEach(async () => {
  await studio.script({ pieces: LONG, rate: 20 });
});

afterAll(async () => {
  await studio.close();
});

test("with eight tabs that all have a reply running, a stop still reaches the gateway, and every reply goes on", async () => {
  await studio.script({ pieces: LONG, rate: 4 }); // eight quicker ones would keep two cores busy
  const visitor = await studio.newcomer();
  const tabs = [visitor.page];
  for (let count = 1; count < 8; count++) tabs.push(await visitor.tab("/"));
  for (const [at, tab] of tabs.entries()) {
    await ask(tab, `Question ${at}`);
    await says(tab, "word1");
  }
  const last = tabs[7] ?? visitor.page;
  await last.keyboard.press("Escape");
  await ended(last);
  for (const tab of tabs.slice(0, 7)) {
    await tab.keyboard.press("Escape");
    await ended(tab);
    const words = (await answer(tab).innerText()).trim().split(" ");
    expect(words).toEqual(words.map((_, at) => `word${at}`).map((word, at) => (at === words.length - 1 ? words[at] : word)));
  }
  await visitor.close();
});

test("a second tab sees a reply begin that it did not send, and the list marks what runs and what is unread", async () => {
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "First");
  await says(page, "word2");
  await page.keyboard.press("Escape");
  await ended(page);
  const second = await visitor.tab(new URL(page.url()).pathname);
  await ended(second);
  await studio.script({ pieces: LONG.slice(0, 60), hold: true });
  await ask(page, "Second");
  await studio.step(6);
  await says(second, "word5");
  await second.getByRole("link", { name: words.studio.newConversation }).click();
  await page.getByRole("link", { name: words.studio.newConversation }).click();
  await page.getByRole("img", { name: words.sessions.running }).waitFor();
  await studio.step(54);
  await page.getByRole("img", { name: words.sessions.unread }).waitFor();
  await page.locator(".sessions li > a").first().click();
  await says(page, "word59");
  await expect.poll(() => page.getByRole("img", { name: words.sessions.unread }).count()).toBe(0);
  await visitor.close();
});

test("a log-in that is ended elsewhere leads to the sign-in page, and back", async () => {
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "Hello");
  await says(page, "word1");
  await page.keyboard.press("Escape");
  await ended(page);
  const path = new URL(page.url()).pathname;
  await page.evaluate(async () => {
    const all = (await (await fetch("/api/auth/tokens")).json()) as { id: number }[];
    for (const { id } of all) await fetch(`/api/auth/tokens/${id}`, { method: "DELETE" });
  });
  await page.waitForURL(/sign-in/); // the event connection ends with the log-in
  await page.goto(studio.url + path);
  await page.waitForURL(`**/sign-in?to=${encodeURIComponent(path)}`);
  visitor.pardon(REFUSED); // a browser says that it was refused
  await visitor.close();
});
