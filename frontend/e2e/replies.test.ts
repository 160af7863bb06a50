/** Replies that once blanked the page, moved it, or were left without their buttons; in the real page under its own policy. */

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { words } from "../src/words";
import { answer, ask, ended, says } from "./manners";
import { REFUSED, Studio, type Visitor } from "./studio";

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 1, rate: 0 });
});

afterAll(async () => {
  await studio.close();
});

/** Where the page stands; it must be all of the window, whatever pushes. */
async function frame(page: Page): Promise<unknown> {
  return page.evaluate(() => {
    const push = 100_000;
    scrollTo(push, push);
    for (const part of document.querySelectorAll("html, body, #root, .frame, .content, .studio, .middle, .side, .thread-frame"))
      part.scrollTo(push, push);
    const { top, left, bottom, right } = (document.querySelector(".frame") as Element).getBoundingClientRect();
    const { scrollWidth, scrollHeight } = document.documentElement;
    return {
      top,
      left,
      bottom: bottom - innerHeight,
      right: right - innerWidth,
      wider: scrollWidth - innerWidth,
      higher: scrollHeight - innerHeight,
    };
  });
}

const STILL = { top: 0, left: 0, bottom: 0, right: 0, wider: 0, higher: 0 };

test("named entities in the answer, the thoughts and the title of a conversation, also after a reload", async () => {
  const text =
    "Kept &amp; &hearts; &nosuch; &lt;b&gt;\n\n| a &copy; |\n|---|\n| `&amp;` |\n\n[l &nbsp;](https://a.example/&amp;)\n\n```&amp;\n&amp;\n```";
  await studio.script({ thinking: ["Thought &amp; ", "&hearts; &nosuch;"], pieces: text.match(/[^]{1,3}/g) });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "Kept &amp; &hearts; question");
  await ended(page);
  for (let round = 0; round < 2; round++) {
    await page.getByText(words.thread.thoughts).click();
    await page.locator(".thoughts").getByText("Thought & ♥ &nosuch;").waitFor();
    expect(await answer(page).innerText()).toContain("Kept & ♥ &nosuch; <b>");
    await page.getByRole("link", { name: "Kept &amp; &hearts; question" }).waitFor();
    await page.reload();
    await says(page, "Kept");
  }
  await visitor.close();
});

test("nothing that a reply, a title or a key does moves the page while a long reply comes", async () => {
  const odd = [
    "$\\rule{90em}{90em}$ $\\kern{-90em}x$ and $$\\frac{a}{b}$$",
    "| wide | table |\n|---|---|\n| `" + "x".repeat(400) + "` | y |",
    "x".repeat(500) + " \u202e\u2067 turned",
    "Z\u0300\u0301\u0302\u0303\u0304\u0305".repeat(40),
    "- [ ] task\n\n[^1] and [^1]: note\n\n[^1]: note",
  ];
  const lines = Array.from({ length: 80 }, (_, at) => `Line ${at} \\(x^${at}\\)\n\n${odd[at % odd.length] ?? ""}\n\n`);
  for (const viewport of [
    { width: 1280, height: 700 },
    { width: 360, height: 700 },
  ]) {
    await studio.script({ thinking: ["I think. "], pieces: lines, rate: 40 });
    const visitor = await studio.newcomer({ viewport });
    const { page } = visitor;
    await ask(page, "Long\u202e title ".repeat(30));
    for (const key of ["End", "PageDown", "Space", "Tab", "Tab", "Shift+Tab", "Home", "End"]) {
      await page.keyboard.press(key);
      await page.waitForTimeout(100);
      expect(await frame(page)).toEqual(STILL);
    }
    await ended(page);
    await page.locator(".katex").first().waitFor();
    expect(await frame(page)).toEqual(STILL);
    const last = page.locator(".markdown .footnote-mark").last();
    await last.click();
    expect(await frame(page)).toEqual(STILL);
    await page.evaluate(() => (window as unknown as { find: (text: string) => boolean }).find("Line 3"));
    await page.evaluate(() => {
      for (const part of document.querySelectorAll<HTMLElement>("[tabindex], a, button")) part.focus();
    });
    expect(await frame(page)).toEqual(STILL);
    expect(await page.locator(".thread").evaluate((box) => box.scrollWidth - box.clientWidth)).toBe(0);
    await visitor.close();
  }
});

test("the buttons come under a short first reply however late the first list of messages is answered", async () => {
  await studio.script({ pieces: ["Short."] });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  for (const late of [0, 100, 400, 1500]) {
    let calls = 0;
    await page.route(/\/api\/chatbot\/sessions(\/\d+\/messages\?.*)?$/, async (route) => {
      const response = await route.fetch();
      if (calls++ < 6) await new Promise((resolve) => setTimeout(resolve, late)); // what it says was true when it was asked
      await route.fulfill({ response });
    });
    await ask(page, "First");
    await ended(page);
    await page.getByRole("button", { name: words.thread.copyReply }).waitFor();
    await expect.poll(() => page.locator(".mark.running").count()).toBe(0);
    await page.unrouteAll({ behavior: "wait" });
    const session = page.url().split("/").at(-1) ?? "";
    await page.goto("about:blank");
    await visitor.context.request.delete(`${studio.url}/api/chatbot/sessions/${session}`, { headers: { Origin: studio.url } });
    await page.goto(studio.url); // as one who has no conversation yet
    await page.getByText(words.sessions.empty).waitFor();
  }
  await visitor.close();
});

test("after Stop and Continue the whole text and its buttons stand there, however late the lists are answered", async () => {
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await page.route(/\/messages\?/, async (route) => {
    const response = await route.fetch();
    await new Promise((resolve) => setTimeout(resolve, 700));
    await route.fulfill({ response });
  });
  await studio.script({ pieces: ["One ", "two ", ...Array.from({ length: 200 }, (_, at) => `${at + 3} `)], rate: 2 });
  await ask(page, "Count");
  await says(page, "two");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: words.thread.continue }).waitFor();
  await studio.script({ pieces: ["and more."] });
  await page.getByRole("button", { name: words.thread.continue }).click();
  await says(page, "and more.");
  await ended(page);
  for (let look = 0; look < 20; look++) {
    expect(await answer(page).innerText()).toContain("and more.");
    await page.waitForTimeout(50);
  }
  await page.getByRole("button", { name: words.thread.copyReply }).waitFor();
  await page.unrouteAll({ behavior: "wait" });
  await visitor.close();
});

test("a code block at the end copies what it shows", async () => {
  await studio.script({ pieces: ["```js\n", "one()\n", "``", "`"] });
  const visitor = await studio.newcomer({ permissions: ["clipboard-read", "clipboard-write"] });
  const { page } = visitor;
  await ask(page, "Code");
  await ended(page);
  expect(await page.locator(".code pre").innerText()).toBe("one()");
  await page.getByRole("button", { name: words.markdown.copyCode }).click();
  await page.getByRole("button", { name: words.common.copied }).waitFor();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("one()");
  await visitor.close();
});

/** Changes what the gateway says, as another release of it might. */
async function twist(page: Page, path: RegExp, change: (body: never) => void): Promise<void> {
  await page.route(path, async (route) => {
    const response = await route.fetch();
    const body = (await response.json()) as never;
    change(body);
    await route.fulfill({ response, json: body });
  });
}

test("a message that cannot be shown stands there as it is written, the others and the rest of the page as ever", async () => {
  await studio.script({ pieces: ["Kept **reply**."] });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "First");
  await ended(page);
  await ask(page, "Second");
  await page.locator(".answer").nth(1).waitFor();
  await ended(page);
  await twist(page, /\/messages\?/, (messages: { siblings: unknown }[]) => {
    for (const message of messages.slice(1, 2)) message.siblings = null;
  });
  await page.reload();
  await page.getByText(words.broken.message).waitFor();
  await page.getByText("Kept **reply**.").waitFor();
  await page.getByText("Kept reply.").waitFor();
  expect(await page.locator(".said").allInnerTexts()).toEqual(["First", "Second"]);
  await page.unrouteAll({ behavior: "wait" });
  await ask(page, "Third");
  await page.locator(".answer").nth(2).waitFor();
  await ended(page);
  visitor.complaints.length = 0; // React says what it caught
  await visitor.close();
});

test("a list that cannot be shown says so, and takes neither the conversation nor the place to write with it", async () => {
  await studio.script({ pieces: ["Kept."] });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "First");
  await ended(page);
  await page.getByRole("link", { name: words.studio.newConversation }).click();
  await ask(page, "Another");
  await ended(page);
  await twist(page, /\/api\/chatbot\/sessions(\?.*)?$/, (sessions: { title: unknown }[]) => {
    for (const session of sessions) if (session.title === "First") session.title = { unheard: "of" };
  });
  await page.reload();
  await page.getByText(words.broken.conversations).waitFor();
  await page.unrouteAll({ behavior: "wait" });
  await says(page, "Kept.");
  await page.getByRole("button", { name: words.common.tryAgain }).first().click();
  await page.getByRole("link", { name: "First" }).waitFor();
  await ask(page, "Second");
  await page.locator(".answer").nth(1).waitFor();
  await ended(page);
  visitor.complaints.length = 0; // React says what it caught
  await visitor.close();
});

let member: { visitor: Visitor; email: string } | undefined;

afterAll(async () => {
  await member?.visitor.close();
});

/** One account for all that ask where a sign-in leads to, signed out. */
async function signedOut(): Promise<{ visitor: Visitor; email: string }> {
  if (member === undefined) {
    const visitor = await studio.newcomer();
    visitor.pardon(REFUSED); // of a list asked for just before
    member = { visitor, email: await visitor.page.locator(".account .title").innerText() };
    await visitor.page.getByRole("button", { name: words.common.signOut }).click();
    await visitor.page.waitForURL(/sign-in/);
  }
  await member.visitor.context.clearCookies(); // whatever an earlier one left
  return member;
}

test.each([
  "/%09/evil.example",
  "//evil.example",
  "/%5Cevil.example",
  "/.//evil.example",
  "%0A//evil.example",
  "https:evil.example",
])("a sign-in that is asked to lead to %s stays on this site", async (to) => {
  const { visitor, email } = await signedOut();
  const { page } = visitor;
  for (const before of [email, "somebody@example.org"]) {
    await page.evaluate((person) => localStorage.setItem("person", person), before); // where another person was here, the page begins anew
    await page.goto(`${studio.url}/sign-in?to=${to}`);
    await page.getByLabel(words.common.email).fill(email);
    await page.getByLabel(words.common.password).fill("correct horse");
    await page.keyboard.press("Enter");
    await page.getByLabel(words.composer.label, { exact: true }).waitFor();
    expect(new URL(page.url()).origin).toBe(new URL(studio.url).origin);
    await page.getByRole("button", { name: words.common.signOut }).click();
    await page.waitForURL(/sign-in/);
  }
  expect(visitor.complaints.filter((complaint) => !REFUSED.test(complaint))).toEqual([]);
});
