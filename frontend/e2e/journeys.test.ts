/** What people do, in a real Chromium with a real gateway; the model is the scripted one, so that every word is known. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { words } from "../src/words";
import { answer, ask, ended, says } from "./manners";
import { isStored } from "./stored";
import { AWAY, REFUSED, Studio, type Visitor } from "./studio";

const TOKENS = 100;
/** Of a reply that is stopped, or whose end nobody waits for. */
const LONG = Array.from({ length: 2000 }, (_, at) => `word${at} `);
const PIECES = LONG.slice(0, TOKENS);
const WORDS = PIECES.join("").trim();

let studio: Studio;
let visitor: Visitor;

beforeAll(async () => {
  studio = await Studio.open({ tokens: TOKENS, rate: 20, whole: true });
});

afterAll(async () => {
  await studio.close();
});

describe("a newcomer", () => {
  test("registers, asks, and sees the words come, without a complaint in the console", async () => {
    visitor = await studio.registered();
    const { page } = visitor;
    await studio.script({ pieces: PIECES, hold: true });
    await ask(page, "Tell me a story");
    await studio.step(4);
    await says(page, "word3");
    expect(await answer(page).innerText()).not.toContain(`word${TOKENS - 1}`);
    expect(await page.getByRole("button", { name: words.composer.stop }).isVisible()).toBe(true);
    await studio.step(TOKENS - 4);
    await ended(page);
    expect((await answer(page).innerText()).trim()).toBe(WORDS);
    expect(await page.locator(".figures").innerText()).toMatch(/tokens/);
    expect(await page.getByRole("link", { name: "Tell me a story" }).isVisible()).toBe(true);
    await visitor.close();
  });

  test("is led to where they wanted to go", async () => {
    visitor = await studio.newcomer();
    const { page } = visitor;
    await page.getByRole("button", { name: words.common.signOut }).click();
    await page.waitForURL(/sign-in/);
    await page.goto(`${studio.url}/c/1`);
    await page.waitForURL(/sign-in\?to=%2Fc%2F1/);
    visitor.pardon(REFUSED); // what was still being asked as they left
    await visitor.close();
  });
});

describe("somebody who leaves", () => {
  test("sees one move, however late the answer comes, and nothing by Back", async () => {
    visitor = await studio.newcomer({ path: "/settings" });
    const { page } = visitor;
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    await page.route("**/api/auth/logout", async (route) => {
      const response = await route.fetch();
      await held;
      await route.fulfill({ response });
    });
    const refused = page.waitForResponse((response) => response.status() === 401); // the log-in has ended: another request says so first
    await page.getByRole("button", { name: words.common.signOut }).click();
    await refused;
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)));
    expect(new URL(page.url()).pathname).toBe("/settings");
    const moves: string[] = [];
    page.on("framenavigated", () => moves.push(page.url()));
    letGo();
    await page.waitForURL(/sign-in/);
    await page.getByRole("button", { name: words.signIn.submit }).waitFor();
    expect(moves).toEqual([`${studio.url}/sign-in`]);
    await page.goBack();
    await page.waitForURL(/sign-in\?to=/);
    visitor.pardon(REFUSED); // a browser says that it was refused
    await visitor.close();
  });

  test("is not shown again by a browser that had kept the page", async () => {
    visitor = await studio.newcomer();
    const { page } = visitor;
    let asked = (): void => undefined;
    const ended = new Promise<void>((resolve) => {
      asked = resolve;
    });
    await page.route("**/api/auth/logout", async (route) => {
      await route.fetch();
      asked(); // and never answers: the page stays as one that is being left
    });
    await page.getByRole("button", { name: words.common.signOut }).click();
    await ended;
    // This Chromium keeps no page with an open event stream; others may, and say so with this event.
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
    await page.waitForURL(/sign-in/);
    visitor.pardon(REFUSED); // a browser says that it was refused
    await visitor.close();
  });

  test("is asked for the password, and is a stranger afterwards", async () => {
    visitor = await studio.newcomer({ path: "/settings" });
    const { page } = visitor;
    await page.getByRole("button", { name: words.settings.deleteAccount }).click();
    await page.getByRole("button", { name: words.settings.deleteForGood }).click();
    expect(
      await page.getByLabel(words.settings.yourPassword).evaluate((field: HTMLInputElement) => field.validity.valueMissing),
    ).toBe(true);
    await page.getByLabel(words.settings.yourPassword).fill("correct horse");
    await page.getByRole("button", { name: words.settings.deleteForGood }).click();
    await page.waitForURL(/sign-in/);
    await visitor.close();
  });
});

describe("a reply", () => {
  beforeEach(async () => {
    await studio.script({ pieces: PIECES, rate: 20 });
  });

  test("goes on after a reload, nothing lost or doubled, and a second tab sees it too", async () => {
    visitor = await studio.newcomer();
    const { page } = visitor;
    await ask(page, "Tell me a story");
    await says(page, "word5");
    await page.reload();
    const second = await visitor.tab(new URL(page.url()).pathname);
    await says(second, "word8");
    await ended(page);
    await ended(second);
    expect((await answer(page).innerText()).trim()).toBe(WORDS);
    expect((await answer(second).innerText()).trim()).toBe(WORDS);
    await visitor.close();
  });

  test("that is stopped keeps its text, says so at once, and the next message can be sent", async () => {
    await studio.script({ pieces: LONG, rate: 20 });
    visitor = await studio.newcomer();
    const { page } = visitor;
    await ask(page, "Tell me a story");
    await says(page, "word5");
    await page.keyboard.press("Escape");
    await page.getByText(words.reply.stopped, { exact: true }).waitFor();
    const shown = (await answer(page).innerText()).trim();
    await ended(page);
    await page.getByRole("button", { name: words.thread.continue }).waitFor();
    expect(LONG.join("").startsWith((await answer(page).innerText()).trim())).toBe(true);
    expect(shown.startsWith((await answer(page).innerText()).trim().slice(0, shown.length))).toBe(true);
    await ask(page, "And now?");
    await says(page, "word2");
    await page.getByRole("button", { name: words.composer.stop }).click();
    await ended(page);
    await visitor.close();
  });

  test("can be asked for again, and a turn said differently; the versions are switched between", async () => {
    await studio.script({ pieces: LONG, rate: 20 });
    visitor = await studio.newcomer();
    const { page } = visitor;
    await ask(page, "First");
    await says(page, "word2");
    await page.keyboard.press("Escape");
    await ended(page);
    await page.getByRole("button", { name: words.thread.regenerate }).click();
    await says(page, "word4");
    await page.keyboard.press("Escape");
    await ended(page);
    await page.getByText("2/2").waitFor();
    await page.getByRole("button", { name: words.thread.previousVersion }).click();
    await page.getByText("1/2").waitFor();
    await page.getByRole("button", { name: words.thread.edit }).click();
    await page.getByLabel(words.thread.editMessage).fill("Second");
    await page.keyboard.press("Enter");
    await says(page, "word2");
    expect(await page.locator(".said").allInnerTexts()).toEqual(["Second"]);
    await page.keyboard.press("Escape");
    await ended(page);
    await page.getByText("2/2").waitFor();
    await visitor.close();
  });

  test("survives ten seconds without a network", async () => {
    visitor = await studio.newcomer();
    const { page } = visitor;
    await ask(page, "Tell me a story");
    await says(page, "word5");
    await visitor.context.setOffline(true);
    await page.waitForTimeout(10_000);
    await visitor.context.setOffline(false);
    await ended(page);
    expect((await answer(page).innerText()).trim()).toBe(WORDS);
    visitor.pardon(AWAY); // a browser says that it was offline
    await visitor.close();
  });
});

describe("what breaks", () => {
  test("a gateway that is killed and comes back leaves the text, says what happened, and offers to go on", async () => {
    await studio.script({ pieces: LONG, rate: 20 });
    visitor = await studio.newcomer();
    const { page } = visitor;
    await ask(page, "Tell me a story");
    await says(page, "word3");
    await isStored(studio, page, "word0 word1 word2 ");
    await studio.restartGateway();
    await page.getByRole("button", { name: words.thread.retry }).waitFor();
    expect((await answer(page).innerText()).startsWith("word0 word1 word2")).toBe(true);
    expect(await page.getByText(/stopped in the middle of the reply/).isVisible()).toBe(true);
    await page.getByRole("button", { name: words.thread.continue }).waitFor();
    await page.getByRole("button", { name: words.thread.retry }).click();
    await says(page, "word3");
    await page.keyboard.press("Escape");
    await ended(page);
    visitor.pardon(AWAY); // a browser says that nobody answered
    await visitor.close();
  });

  test("a model that is killed leaves the text, and says what happened", async () => {
    await studio.script({ pieces: LONG, rate: 20 });
    visitor = await studio.newcomer();
    const { page } = visitor;
    await ask(page, "Tell me a story");
    await says(page, "word5");
    await studio.killModel();
    await page.getByRole("button", { name: words.thread.retry }).waitFor();
    expect((await answer(page).innerText()).startsWith("word0 word1 word2")).toBe(true);
    expect(await page.locator(".answer .problem, .answer .ending").isVisible()).toBe(true);
    await visitor.close();
  });
});

describe("a draft", () => {
  test("is there again after a reload, and Shift+Enter breaks the line", async () => {
    visitor = await studio.newcomer();
    const { page } = visitor;
    await page.getByLabel(words.composer.label, { exact: true }).fill("Half a");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("thought");
    await page.reload();
    expect(await page.getByLabel(words.composer.label, { exact: true }).inputValue()).toBe("Half a\nthought");
    await visitor.close();
  });
});
