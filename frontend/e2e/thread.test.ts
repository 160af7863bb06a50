/** The next message while a reply runs, drafts in two tabs, files and long texts, and moving about in a long conversation. */

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { words } from "../src/words";
import { DARK, LIGHT, Look } from "./look";
import { answer, ask, ended, says } from "./manners";
import { NO_PAGE, Studio } from "./studio";

const SLOW = { pieces: Array.from({ length: 2000 }, (_, at) => `word${at} `), rate: 10 };

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 60, rate: 30, slots: 4 });
});

afterAll(async () => {
  await studio.close();
});

const composer = (page: Page) => page.getByLabel(words.composer.label, { exact: true });
const waiting = (page: Page) => page.getByRole("region", { name: words.waiting.label });

/** What the session holds of the user, oldest first. */
async function turns(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const id = location.pathname.split("/").at(-1);
    const messages = (await (await fetch(`/api/chatbot/sessions/${id}/messages`)).json()) as { role: string; content: string }[];
    return messages.filter(({ role }) => role === "user").map(({ content }) => content);
  });
}

test("what is sent while a reply runs waits under it, in every tab, can be changed and taken back, and is sent once", async () => {
  await studio.script(SLOW);
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "First");
  await says(page, "word3");
  await ask(page, "Secnd");
  await ask(page, "Third");
  await waiting(page).getByText(words.waiting.afterReply).waitFor();
  await expect.poll(() => composer(page).inputValue()).toBe("");

  const other = await visitor.tab(new URL(page.url()).pathname);
  await waiting(other).getByText("Third", { exact: true }).waitFor();
  await waiting(other).getByRole("button", { name: words.waiting.takeBack }).last().click();
  await expect.poll(() => composer(other).inputValue()).toBe("Third");
  await waiting(page).getByText("Third", { exact: true }).waitFor({ state: "detached" });

  await waiting(page).getByRole("button", { name: words.thread.edit }).click();
  await page.getByLabel(words.waiting.editLabel).fill("Second");
  await waiting(other).getByText(words.waiting.edited).waitFor();
  await page.keyboard.press("Enter");
  await waiting(other).getByText("Second", { exact: true }).waitFor();

  await studio.script({ pieces: ["A short reply"] });
  await page.keyboard.press("Escape");
  await waiting(page).getByText(words.waiting.held.cancelled).waitFor();
  await waiting(page).getByRole("button", { name: words.waiting.sendNow }).click();
  await expect.poll(() => answer(page).innerText()).toContain("A short reply");
  await waiting(page).waitFor({ state: "detached" });
  expect(await turns(page)).toEqual(["First", "Second"]);
  await visitor.close();
});

test("it is sent by itself when the reply is complete, also with no page open", async () => {
  await studio.script({ pieces: SLOW.pieces.slice(0, 40), hold: true });
  const visitor = await studio.newcomer();
  await ask(visitor.page, "First");
  await studio.step(5);
  await says(visitor.page, "word3");
  await ask(visitor.page, "Second");
  await waiting(visitor.page).waitFor();
  const path = new URL(visitor.page.url()).pathname;
  await visitor.page.close();
  await studio.script({ pieces: ["A short reply"] });
  await studio.step(35);
  const page = await visitor.tab("/settings");
  await page.goto(studio.url + path);
  await expect.poll(() => turns(page)).toEqual(["First", "Second"]);
  await ended(page);
  await visitor.close();
});

test("two tabs keep each its own draft, and a reload brings it back", async () => {
  await studio.script({ pieces: ["Yes"] });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "Hello");
  await ended(page);
  const other = await visitor.tab(new URL(page.url()).pathname);
  await composer(page).fill("from the first tab");
  await composer(other).fill("from the second tab");
  await page.reload();
  await expect.poll(() => composer(page).inputValue()).toBe("from the first tab");
  await other.reload();
  await expect.poll(() => composer(other).inputValue()).toBe("from the second tab");
  await visitor.close();
});

test("a file that is dropped on the conversation is attached, a long paste becomes a document and text again", async () => {
  await studio.script({ pieces: ["Read"] });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "Hello");
  await ended(page);
  const files = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["Sales grew"], "report.txt", { type: "text/plain" }));
    return transfer;
  });
  await page.dispatchEvent(".answer", "dragover", { dataTransfer: files });
  await page.getByText(words.composer.drop).waitFor();
  await page.dispatchEvent(".answer", "drop", { dataTransfer: files });
  await page.getByText("report.txt").waitFor();
  await page.getByText(words.composer.drop).waitFor({ state: "detached" });
  await page.getByText(words.composer.characters(10)).waitFor();

  await composer(page).focus();
  await page.evaluate(() => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", "a long line\n".repeat(100));
    document.activeElement?.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  });
  const pasted = words.composer.pasted(1);
  await page.getByText(pasted, { exact: true }).waitFor();
  expect(await composer(page).inputValue()).toBe("");
  await page.getByRole("button", { name: words.composer.asText(pasted) }).click();
  await expect.poll(() => composer(page).inputValue()).toBe("a long line\n".repeat(100));
  await composer(page).fill("Sum it up");
  await page.keyboard.press("Enter");
  await ended(page);
  expect((await turns(page)).at(-1)).toContain("Sales grew");
  await visitor.close();
});

/** A session of many messages, read in again from a file. */
async function long(page: Page, count: number): Promise<string> {
  const messages = Array.from({ length: count }, (_, at) => ({
    id: at + 1,
    parent_id: at === 0 ? null : at,
    role: at % 2 === 0 ? "user" : "assistant",
    content: at % 2 === 0 ? `Question number ${at}` : `The **needle** of reply ${at}.\n\n${"Some more words. ".repeat(40)}`,
  }));
  const file = { format: "lam-session", version: 1, session: { title: "Long", active_message_id: count }, messages };
  return page.evaluate(async (body) => {
    const answered = await fetch("/api/chatbot/sessions/import", {
      method: "POST",
      body,
      headers: { "Content-Type": "application/json" },
    });
    if (!answered.ok) throw new Error(await answered.text());
    return `/c/${((await answered.json()) as { id: number }).id}`;
  }, JSON.stringify(file));
}

test("Ctrl+F finds in the whole conversation, counts, and goes on and back; Esc closes it", async () => {
  const visitor = await studio.newcomer({ path: NO_PAGE });
  const { page } = visitor;
  await page.goto(studio.url + (await long(page, 300)));
  await page.getByText("reply 299").waitFor();
  await page.keyboard.press("Control+f");
  await page.getByRole("textbox", { name: words.find.label }).fill("NEEDLE of reply");
  await page.getByText(/ of 150$/).waitFor();
  await page.getByRole("textbox", { name: words.find.label }).fill("reply 51.");
  await page.getByText(words.find.at(1, 1)).waitFor();
  await page.locator("#message-52, .answer", { hasText: "reply 51." }).first().waitFor();
  await expect
    .poll(() => page.evaluate(() => [...(CSS.highlights.get("found-now") ?? [])].map((range) => (range as Range).toString())))
    .toEqual(["reply 51."]);
  await page.getByRole("textbox", { name: words.find.label }).fill("needle");
  await page.getByText(/ of 150$/).waitFor();
  const before = await page.getByRole("status").filter({ hasText: "of 150" }).innerText();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Shift+Enter");
  await expect.poll(() => page.getByRole("status").filter({ hasText: "of 150" }).innerText()).toBe(before);
  await page.keyboard.press("Escape");
  await page.getByRole("textbox", { name: words.find.label }).waitFor({ state: "detached" });
  expect(await page.evaluate(() => CSS.highlights.size)).toBe(0);
  await visitor.close();
});

test("Back returns to where one read, and so does a reload", async () => {
  const visitor = await studio.newcomer({ path: NO_PAGE });
  const { page } = visitor;
  await page.goto(studio.url + (await long(page, 120)));
  await page.getByText("reply 119").waitFor();
  const thread = page.getByRole("region", { name: words.thread.label });
  await thread.hover();
  await page.mouse.wheel(0, -6000);
  interface Place {
    message: number;
    above: number;
  }
  // It stands still, and the history knows the first message in sight and where that is.
  await page.evaluate(async () => {
    for (let frames = 0; frames < 10; frames++) {
      await new Promise(requestAnimationFrame);
      const { place } = (history.state ?? {}) as { place?: Place };
      const top = document.querySelector(".thread")?.getBoundingClientRect().top ?? 0;
      const first = [...document.querySelectorAll("[id^='message-']")].find((one) => one.getBoundingClientRect().bottom > top);
      const seen = `${first?.id} ${Math.round(top - (first?.getBoundingClientRect().top ?? 0))}`;
      if (seen !== `message-${place?.message} ${place?.above}`) frames = 0;
    }
  });
  const place = await page.evaluate(() => (history.state as { place: Place }).place);
  /** How many pixels that message is from where it was. */
  const off = (): Promise<number> =>
    page.evaluate(({ message, above }) => {
      const top = document.querySelector(".thread")?.getBoundingClientRect().top ?? 0;
      const its = document.getElementById(`message-${message}`)?.getBoundingClientRect().top;
      return its === undefined ? Infinity : Math.abs(top - its - above);
    }, place);
  await page.getByRole("link", { name: words.studio.newConversation }).click();
  await composer(page).waitFor();
  await page.locator(".thread [id^='message-']").first().waitFor({ state: "detached" });
  await page.goBack();
  await expect.poll(off).toBeLessThan(10);
  await page.reload();
  await expect.poll(off).toBeLessThan(10);
  await visitor.close();
});

test("the whole conversation is printed, without the page around it", async () => {
  const visitor = await studio.newcomer({ path: NO_PAGE });
  const { page } = visitor;
  await page.goto(studio.url + (await long(page, 250)));
  await page.getByText("reply 249").waitFor();
  await page.evaluate(() => {
    globalThis.print = () =>
      document.body.setAttribute("data-printed", String(document.querySelectorAll("[id^='message-']").length));
  });
  await page.keyboard.press("Control+p");
  await page.waitForFunction(() => document.body.getAttribute("data-printed") === "250");
  await page.emulateMedia({ media: "print" });
  expect(await page.getByText("Question number 0", { exact: true }).isVisible()).toBe(true);
  expect(await composer(page).isVisible()).toBe(false);
  expect(await page.evaluate(() => document.documentElement.scrollHeight > 20_000)).toBe(true);
  await page.emulateMedia({ media: "screen" });
  await page.evaluate(() => globalThis.dispatchEvent(new Event("afterprint")));
  await page.waitForFunction(() => document.querySelectorAll("[id^='message-']").length < 100);
  await visitor.close();
});

test("a gateway that does not answer is named, and the sentence goes when it is back", async () => {
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await page.route("**/api/events*", (route) => route.abort());
  await page.evaluate(() => globalThis.dispatchEvent(new Event("pagehide")));
  await page.evaluate(() => globalThis.dispatchEvent(new Event("pageshow")));
  await page.getByText(words.failure.silent).waitFor();
  await page.unroute("**/api/events*");
  await page.getByText(words.failure.silent).waitFor({ state: "detached" });
  await visitor.context.close(); // the browser complains of the requests that failed
});

test.each([360, 1280])(
  "what streams pushes a button away under a mouse that is pressed, and it is clicked all the same, at %i pixels",
  async (width) => {
    const visitor = await studio.newcomer({ viewport: { width, height: 740 } });
    const { page } = visitor;
    await studio.script({ pieces: ["A line\n\n", "another\n\n", "and more"], hold: true });
    await ask(page, "Tell me about the sea");
    await studio.step(1);
    await says(page, "A line");
    await ask(page, "And the rivers");
    const edit = waiting(page).getByRole("button", { name: words.thread.edit });
    const press = async (): Promise<{ x: number; y: number }> => {
      const box = await edit.boundingBox();
      if (box === null) throw new Error("the button is not in sight");
      const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
      await page.mouse.move(at.x, at.y);
      await page.mouse.down();
      return at;
    };
    const { x, y } = await press();
    await studio.step(1);
    await expect.poll(async () => (await edit.boundingBox())?.y).toBeGreaterThan(y);
    await page.mouse.up();
    await page.getByLabel(words.waiting.editLabel).waitFor();
    await page.keyboard.press("Escape");
    await edit.waitFor();
    // Who drags away from it changed their mind.
    await press();
    await page.mouse.move(x, 100, { steps: 4 });
    await page.mouse.up();
    await edit.click();
    await page.getByLabel(words.waiting.editLabel).waitFor();
    await studio.step(1);
    await ended(page);
    await visitor.close();
  },
);

test("a model that thinks answers at once when it is asked to", async () => {
  await studio.script({ thinking: Array.from({ length: 200 }, (_, at) => `thought${at} `), pieces: ["The answer"], rate: 10 });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "Think");
  await page.getByRole("button", { name: words.reply.answerNow }).click();
  await expect.poll(() => answer(page).innerText()).toContain("The answer");
  await ended(page);
  await visitor.close();
});

describe.each([1280, 360])("at %i pixels", (width) => {
  test("every new state is without a violation", async () => {
    const visitor = await studio.newcomer({ ...LIGHT, viewport: { width, height: 740 }, reducedMotion: "reduce" });
    const { page } = visitor;
    const look = new Look(page, `${width}`, [LIGHT, DARK]);
    await studio.script({ ...SLOW, rate: 4 });
    await ask(page, "Tell me about the sea");
    await says(page, "word3");
    await ask(page, "And what about the rivers that flow into it? Two or three sentences are enough.");
    await ask(page, "Then the lakes");
    await waiting(page).getByText("Then the lakes", { exact: true }).waitFor();
    await composer(page).fill("And a fourth");
    await look.at("60 messages that wait");
    await waiting(page).getByRole("button", { name: words.thread.edit }).first().click();
    await page.getByLabel(words.waiting.editLabel).waitFor();
    await look.at("61 a waiting message is edited");
    await page.keyboard.press("Escape");
    await waiting(page).getByRole("button", { name: words.thread.edit }).nth(1).waitFor();
    await composer(page).focus();
    await page.keyboard.press("Escape");
    await waiting(page).getByText(words.waiting.held.cancelled).first().waitFor();
    await look.at("62 messages that are held");
    await page.evaluate(() => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", "a long line\n".repeat(100));
      document.activeElement?.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
    });
    await page.getByText(words.composer.pasted(1), { exact: true }).waitFor();
    await look.at("63 a long paste");
    await page.keyboard.press("Control+f");
    await page.getByRole("textbox", { name: words.find.label }).fill("word1");
    await page.getByRole("status").filter({ hasText: " of " }).waitFor();
    await look.at("64 find");
    await page.keyboard.press("Escape");
    const files = await page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(["a"], "a.txt", { type: "text/plain" }));
      return transfer;
    });
    await page.dispatchEvent(".answer", "dragover", { dataTransfer: files });
    await look.at("65 files over the page");
    await page.dispatchEvent("body", "dragleave", { dataTransfer: files });
    await studio.script({ thinking: Array.from({ length: 200 }, (_, at) => `thought${at} `), pieces: ["So"], rate: 4 });
    await composer(page).fill("Think");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: words.reply.answerNow }).waitFor();
    await look.at("66 answer now");
    await page.evaluate(() => globalThis.dispatchEvent(new Event("beforeprint")));
    await page.emulateMedia({ media: "print" });
    await look.at("67 on paper");
    expect(look.findings).toEqual(look.clean);
    await visitor.context.close();
  });
});
