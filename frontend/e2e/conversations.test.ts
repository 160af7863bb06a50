/** What conversations are made of: documents, templates, search, many messages, several at once, the keyboard alone. */

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { words } from "../src/words";
import { answer, ask, ended, noticesStay, says } from "./manners";
import { AWAY, REFUSED, Studio } from "./studio";

const LONG = Array.from({ length: 2000 }, (_, at) => `word${at} `); // of a reply that is stopped
const WORDS = LONG.slice(0, 60);

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 60, rate: 30, slots: 1 });
});

afterAll(async () => {
  await studio.close();
});

/** What the model was told in the newest request. */
async function told(): Promise<{ role: string; content: string }[]> {
  return (await studio.log()).at(-1)?.body.messages ?? [];
}

test("three replies with one place: each is told how many are before it, and each is served in turn", async () => {
  await studio.script({ pieces: LONG, rate: 20 });
  const first = await studio.newcomer();
  const others = [await studio.newcomer(), await studio.newcomer()] as const;
  await ask(first.page, "First");
  await says(first.page, "word1");
  await ask(others[0].page, "Second");
  await others[0].page.getByText(words.reply.next).waitFor();
  await ask(others[1].page, "Third");
  await others[1].page.getByText(words.reply.ahead(1)).waitFor();
  await first.page.keyboard.press("Escape");
  await says(others[0].page, "word1");
  await others[1].page.getByText(words.reply.next).waitFor();
  await studio.script({ pieces: WORDS, rate: 20 });
  await others[0].page.keyboard.press("Escape");
  await ended(others[1].page);
  expect((await answer(others[1].page).innerText()).trim()).toBe(WORDS.join("").trim());
  for (const visitor of [first, ...others]) await visitor.close();
});

test("a template is chosen by a slash, its variables are asked for, and the model is told the prompt", async () => {
  await studio.script({ pieces: ["Bonjour"] });
  const visitor = await studio.newcomer({ path: "/templates/new" });
  const { page } = visitor;
  await page.getByLabel(words.templates.title).fill("Translator");
  await page.getByLabel(words.templates.prompt).fill("Translate into {{language=English}}. Tone: {{tone|how it sounds}}.");
  await page.getByRole("button", { name: words.templates.create }).click();
  await page.getByRole("button", { name: words.templates.tryIt }).waitFor();
  await page.goto(studio.url);
  await page.getByLabel(words.composer.label, { exact: true }).pressSequentially("/trans");
  await page.getByRole("option", { name: "Translator" }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("textbox", { name: "language" }).fill("French");
  await page.getByRole("textbox", { name: "tone" }).fill("formal");
  await page.getByRole("button", { name: words.common.useTemplate }).click();
  await page.getByText(words.composer.fromNow).waitFor();
  await ask(page, "Hello");
  await ended(page);
  expect(await told()).toEqual([
    { role: "system", content: "Translate into French. Tone: formal." },
    { role: "user", content: "Hello" },
  ]);
  await visitor.close();
});

test("a template that everyone may read is read and copied by others, and one that is private is not there", async () => {
  const shared = { title: "Shared prompt", content: "Answer in {{language=English}}.", is_public: true };
  const { id } = (await studio.asAdmin("POST", "/api/templates", shared)) as { id: number };
  const hidden = (await studio.asAdmin("POST", "/api/templates", { ...shared, is_public: false })) as { id: number };
  const visitor = await studio.newcomer({ path: `/templates/${id}` });
  const { page } = visitor;
  await page.getByText(shared.content).waitFor();
  await page.getByRole("button", { name: words.templates.copyShared }).click();
  await page.waitForURL((url) => /templates\/\d+$/.test(url.pathname) && !url.pathname.endsWith(`/${id}`));
  expect(await page.getByLabel(words.templates.prompt, { exact: true }).inputValue()).toBe(shared.content);
  for (const missing of [hidden.id, 99_999, "nonsense"]) {
    await page.goto(`${studio.url}/templates/${missing}`);
    await page.getByRole("heading", { name: words.failure.notFoundTitle }).waitFor();
  }
  visitor.pardon(REFUSED); // a browser says that it was not found
  await visitor.close();
});

test("what is written while a new template is being saved stays", async () => {
  const visitor = await studio.newcomer({ path: "/templates/new" });
  const { page } = visitor;
  await page.getByLabel(words.templates.title).fill("Translator");
  await page.getByLabel(words.templates.prompt).fill("Translate.");
  let answer = (): void => undefined;
  const asked = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/api/templates", async (route) => {
    if (route.request().method() === "GET") await asked;
    await route.continue();
  });
  await page.getByRole("button", { name: words.templates.create }).click();
  await page.getByText(words.templates.saved(1)).waitFor();
  await page.getByLabel(words.templates.prompt).fill("Translate all.");
  answer();
  await page.getByRole("button", { name: words.templates.save }).click();
  await page.getByText(words.templates.saved(2)).waitFor();
  expect(await page.getByLabel(words.templates.prompt).inputValue()).toBe("Translate all.");
  await visitor.close();
});

test("a document goes to the model in front of the question, and stands folded in the conversation", async () => {
  await studio.script({ pieces: ["At noon."] });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await page.setInputFiles("input[type=file]", {
    name: "notes.md",
    mimeType: "text/markdown",
    buffer: Buffer.from("The meeting is at noon."),
  });
  await page.getByText(words.composer.characters(23)).waitFor();
  await page.getByLabel(words.composer.label, { exact: true }).fill("When is it?");
  await page.reload();
  await page.getByText(words.composer.characters(23)).waitFor();
  await page.getByLabel(words.composer.label, { exact: true }).press("Enter");
  await ended(page);
  const asked = (await told()).at(-1)?.content ?? "";
  expect(asked).toBe('<document name="notes.md" characters="23">\nThe meeting is at noon.\n</document>\n\nWhen is it?');
  expect(await page.locator(".said").innerText()).toBe("When is it?");
  await page.locator(".turn").getByText("notes.md").click();
  await page.locator(".turn pre").getByText("The meeting is at noon.").waitFor();
  await page.getByRole("button", { name: words.thread.edit }).click();
  await page.getByLabel(words.thread.editMessage).fill("Where is it?");
  await page.getByLabel(words.thread.editMessage).press("Enter");
  await page.getByText("Where is it?").waitFor();
  await ended(page);
  expect((await told()).at(-1)?.content).toBe(asked.replace("When", "Where"));
  await page.reload();
  expect(await page.locator(".said").innerText()).toBe("Where is it?");
  expect(await page.locator(".turn").getByText("notes.md").count()).toBe(1);
  await visitor.close();
});

test("a message that quotes how documents are written stays a text", async () => {
  await studio.script({ pieces: ["Yes."] });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  const quoted = '<document name="a.txt" characters="1">\nx\n</document>\n\nIs this how?';
  await ask(page, quoted);
  await ended(page);
  expect((await told()).at(-1)?.content).toBe(quoted);
  for (const when of ["at once", "after a reload"]) {
    expect(await page.locator(".said").textContent(), when).toBe(quoted);
    expect(await page.locator(".turn .document").count(), when).toBe(0);
    await page.reload();
    await page.locator(".said").waitFor();
  }
  await visitor.close();
});

test("options are saved quietly and hold from the next message on", async () => {
  await studio.script({ pieces: ["Yes"] });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await page.getByRole("button", { name: words.studio.options, exact: true }).click();
  const prompt = page.getByLabel(words.options.systemPrompt);
  await prompt.fill("Be brief.");
  await page.reload(); // before there is a conversation that could keep it
  await expect.poll(() => prompt.inputValue()).toBe("Be brief.");
  await ask(page, "First");
  await ended(page);
  expect((await told())[0]).toEqual({ role: "system", content: "Be brief." });
  await prompt.fill("Be long.");
  await page.getByRole("slider", { name: new RegExp(words.sampling.settings.temperature.label) }).fill("0");
  await page.getByText(words.options.saved).waitFor();
  await page.reload();
  await page.getByText("Be long.").waitFor();
  await ask(page, "Second");
  await page.locator(".answer").nth(1).waitFor();
  await ended(page);
  expect((await studio.log()).at(-1)?.body).toMatchObject({ temperature: 0, messages: [{ content: "Be long." }, {}, {}, {}] });
  await page.getByRole("button", { name: words.sampling.reset(words.sampling.settings.temperature.label) }).click();
  await prompt.fill("Be quick."); // and the message is sent before a moment has passed
  await ask(page, "Third");
  await page.locator(".answer").nth(2).waitFor();
  await ended(page);
  expect((await studio.log()).at(-1)?.body).toMatchObject({
    temperature: 0.7,
    messages: [{ content: "Be quick." }, {}, {}, {}, {}, {}],
  });
  await page.getByRole("link", { name: words.studio.newConversation }).click();
  await expect.poll(() => prompt.inputValue()).toBe(""); // what was chosen was for one conversation
  await visitor.close();
});

test("every setting of the table has a control, and what is chosen there reaches the model", async () => {
  await studio.script({ pieces: ["Yes"] });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  const { settings, more, reset, notJson } = words.sampling;
  await page.getByRole("button", { name: words.studio.options, exact: true }).click();
  await page.getByText(more).click();
  for (const { label } of Object.values(settings)) await page.locator(".options").getByLabel(label).first().waitFor();
  await page.getByLabel(settings.seed.label, { exact: true }).fill("7");
  await page.getByLabel(settings.min_p.label, { exact: true }).fill("0.05");
  await page.getByLabel(settings.stop.label, { exact: true }).fill("END\n\\n\\n");
  await page.getByLabel(settings.reasoning.label, { exact: true }).selectOption("off");
  const schema = page.getByLabel(settings.response_format.label, { exact: true });
  await schema.fill('{"type":');
  await page.getByText(notJson).waitFor();
  await schema.fill('{"type": "object"}');
  await ask(page, "First");
  await ended(page);
  const chosen = {
    seed: 7,
    min_p: 0.05,
    stop: ["END", "\n\n"],
    response_format: { type: "json_schema", json_schema: { name: "answer", schema: { type: "object" } } },
    chat_template_kwargs: { enable_thinking: false },
  };
  expect((await studio.log()).at(-1)?.body).toMatchObject(chosen);
  await page.reload();
  await expect.poll(() => page.getByLabel(settings.seed.label, { exact: true }).inputValue()).toBe("7"); // open: something is chosen there
  expect(await page.getByLabel(settings.stop.label, { exact: true }).inputValue()).toBe("END\n\\n\\n");
  await page.getByRole("button", { name: reset(settings.seed.label) }).click();
  await page.getByText(words.options.saved).waitFor();
  await ask(page, "Second");
  await page.locator(".answer").nth(1).waitFor();
  await ended(page);
  const { seed, ...rest } = chosen;
  expect((await studio.log()).at(-1)?.body).toMatchObject(rest);
  expect((await studio.log()).at(-1)?.body).not.toHaveProperty("seed", seed);
  await visitor.close();
});

test("what was said long ago is found and shown, and a deleted conversation can be taken back", async () => {
  await studio.script({ pieces: ["The heron eats fish."] });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "What does a heron eat?");
  await ended(page);
  await page.getByRole("link", { name: words.studio.newConversation }).click();
  await page.getByLabel(words.sessions.search).fill("heron fish");
  await page.locator(".result").last().click();
  await page.getByText("The heron eats fish.").last().waitFor();
  await page.getByLabel(words.sessions.search).fill("");
  const remove = async (): Promise<void> => {
    await page.getByRole("link", { name: /heron/ }).hover();
    await page.getByRole("button", { name: words.sessions.actions("What does a heron eat?") }).click();
    await page.getByRole("menuitem", { name: words.common.delete }).click();
  };
  await noticesStay(page);
  await remove();
  await expect.poll(() => page.getByRole("link", { name: /heron/ }).count()).toBe(0);
  expect(await page.evaluate(() => document.activeElement?.tagName)).not.toBe("BODY");
  await page.getByRole("button", { name: words.sessions.undo }).click();
  await remove();
  await page.reload(); // leaving the page carries it out
  await page.getByText(words.sessions.empty).waitFor();
  await visitor.close();
});

test("two thousand messages open at their end, scroll to their beginning, and never all stand in the page", async () => {
  await studio.script({ pieces: ["The end"] });
  const visitor = await studio.newcomer({ path: "/settings" });
  const { page } = visitor;
  const messages = Array.from({ length: 2000 }, (_, at) => ({
    id: at + 1,
    role: at % 2 === 0 ? "user" : "assistant",
    content:
      at % 2 === 0
        ? `Question ${at}`
        : `Answer ${at}\n\n${"words of it ".repeat(at % 40)}\n\n- one\n- two\n\n\`\`\`python\nprint(${at})\n\`\`\``,
    parent_id: at === 0 ? null : at,
  }));
  const file = JSON.stringify({ format: "lam-session", version: 1, session: { title: "Long", active_message_id: 2000 }, messages });
  await page.setInputFiles("input[type=file]", { name: "long.json", mimeType: "application/json", buffer: Buffer.from(file) });
  await page.getByRole("button", { name: words.imports.run(1) }).click();
  await page.getByRole("button", { name: words.imports.show }).click();
  await page.getByText("Answer 1999").waitFor();
  const thread = page.locator(".thread"); // by its role it would be looked for in all that it has, again for each step
  const isAtEnd = (): Promise<boolean> => thread.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 2);
  await expect.poll(isAtEnd).toBe(true);
  let most = 0;
  const seen = new Set<string>();
  for (let steps = 0; steps < 600 && !seen.has("Question 0"); ) {
    const { moved, shown, rows } = await thread.evaluate(async (box) => {
      const before = box.scrollTop;
      box.scrollBy(0, -6000);
      const moved = box.scrollTop !== before;
      for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
      const said = [...box.querySelectorAll<HTMLElement>(".said")];
      const shown = said.filter((one) => one.checkVisibility({ visibilityProperty: true })).map((one) => one.innerText); // a row is hidden until it is measured
      return { moved, shown, rows: document.querySelectorAll("article").length };
    });
    const numbers = shown.map((text) => Number(text.replace("Question ", "")));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    for (const text of shown) seen.add(text);
    most = Math.max(most, rows);
    if (moved) steps++; // in the others the page was not there yet
  }
  expect(seen).toContain("Question 0");
  expect(most).toBeLessThan(100);
  await page.getByRole("button", { name: words.thread.toEnd }).click();
  await page.getByText("Answer 1999").waitFor();
  await ask(page, "Is this the end?");
  await says(page, "The end");
  await ended(page);
  await expect.poll(isAtEnd).toBe(true);
  await visitor.close();
});

/** Waits until a conversation has stood still for ten frames. */
async function still(page: Page): Promise<void> {
  await page.locator(".thread").evaluate(async (box) => {
    for (let frames = 0, place = ""; frames < 10; frames++) {
      const { scrollTop, scrollHeight } = box;
      if (place !== `${scrollTop} ${scrollHeight}`) frames = 0;
      place = `${scrollTop} ${scrollHeight}`;
      await new Promise(requestAnimationFrame);
    }
  });
}

test("scrolling up stays where it is while the reply goes on, and nothing moves when it settles", async () => {
  await studio.script({ pieces: Array.from({ length: 120 }, (_, at) => `Line ${at}\n\n`), hold: true });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "Tell me much");
  await studio.step(60);
  await says(page, "Line 59");
  const thread = page.getByRole("region", { name: words.thread.label });
  const toEnd = (): Promise<number> => thread.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
  await still(page);
  await thread.hover();
  await page.mouse.wheel(0, -12); // slowly, still near the end
  await expect.poll(toEnd).toBeGreaterThan(2);
  await studio.step(5);
  await says(page, "Line 64");
  await still(page);
  expect(await toEnd()).toBeGreaterThan(12);
  await page.mouse.wheel(0, -400);
  await page.getByRole("button", { name: words.thread.toEnd }).waitFor();
  await still(page);
  const at = (): Promise<number | undefined> =>
    page.getByText("Line 20", { exact: true }).evaluate((line) => line.getBoundingClientRect().top);
  const before = await at();
  await studio.step(55);
  await ended(page);
  await page.waitForTimeout(500);
  expect(await at()).toBe(before);
  await visitor.close();
});

test("everything goes by the keyboard alone", async () => {
  await studio.script({ pieces: LONG, rate: 20 });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  const { keyboard } = page;
  await keyboard.type("Tell me a story");
  await keyboard.press("Enter");
  await says(page, "word2");
  await keyboard.press("Escape");
  await ended(page);
  expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe(words.composer.label);
  await keyboard.press("ArrowUp");
  await page.getByLabel(words.thread.editMessage).waitFor();
  await keyboard.type(", please");
  await keyboard.press("Enter");
  await says(page, "word2");
  await keyboard.press("Escape");
  await ended(page);
  expect(await page.locator(".said").innerText()).toBe("Tell me a story, please");
  await keyboard.press("Control+k");
  await keyboard.type("new conv");
  await keyboard.press("Enter");
  await page.waitForURL(`${studio.url}/`);
  await keyboard.press("Control+k");
  await keyboard.type("tell me");
  await keyboard.press("ArrowDown");
  await keyboard.press("ArrowUp");
  await keyboard.press("Enter");
  await page.waitForURL(/\/c\/\d+/);
  await page.getByRole("button", { name: words.thread.continue }).waitFor();
  for (let tries = 0; tries < 40; tries++) {
    await keyboard.press("Shift+Tab");
    if ((await page.evaluate(() => document.activeElement?.textContent)) === "Continue") break;
  }
  await studio.script({ pieces: WORDS, rate: 20 });
  await keyboard.press("Enter");
  await says(page, "word50");
  await ended(page);
  await page.locator("body").click({ position: { x: 640, y: 300 } });
  await keyboard.press("o");
  await page.getByRole("complementary", { name: words.studio.options }).waitFor();
  await keyboard.press("n");
  await page.waitForURL(`${studio.url}/`);
  await visitor.close();
});

test("a message that the gateway does not take stands where it was written, with the reason, and can be sent again", async () => {
  await studio.script({ pieces: ["Yes"] });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "First");
  await ended(page);
  await page.route("**/messages/stream", (route) =>
    route.fulfill({ status: 429, json: { detail: "Too many wait.", code: "queue_full" } }),
  );
  await ask(page, "Second");
  await page.getByText("Too many wait.").waitFor();
  expect(await page.getByLabel(words.composer.label, { exact: true }).inputValue()).toBe("Second");
  await page.unroute("**/messages/stream");
  await page.keyboard.press("Enter");
  await page.locator(".answer").nth(1).waitFor();
  await ended(page);
  expect(await page.locator(".said").allInnerTexts()).toEqual(["First", "Second"]);
  visitor.pardon(REFUSED); // a browser says that it was refused
  await visitor.close();
});

test("who leaves in the moment of sending has sent, and what was not taken is there again after a reload", async () => {
  await studio.script({ pieces: WORDS, rate: 30 });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "First");
  await ended(page);
  const path = new URL(page.url()).pathname;
  let letGo = (): void => undefined;
  const left = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  await page.route("**/messages/stream", async (route) => {
    await left;
    await route.continue();
  });
  const response = page.waitForResponse("**/messages/stream");
  await ask(page, "Second");
  await page.getByRole("link", { name: words.studio.newConversation }).click();
  await page.getByText(words.studio.welcome).waitFor();
  letGo();
  await response;
  await page.unroute("**/messages/stream");
  await page.goto(studio.url + path);
  await page.locator(".answer").nth(1).waitFor();
  await ended(page);
  expect((await answer(page).innerText()).trim()).toBe(WORDS.join("").trim());
  await page.route("**/messages/stream", (route) => route.abort());
  await ask(page, "Third");
  await page.getByText(words.reply.lost).waitFor();
  await page.waitForTimeout(400);
  await page.reload();
  expect(await page.getByLabel(words.composer.label, { exact: true }).inputValue()).toBe("Third");
  visitor.pardon(AWAY); // a browser says that it was cut off
  await visitor.close();
});

test("the focus is never lost", async () => {
  await studio.script({ pieces: ["Yes"] });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  const focused = (): Promise<string | null> =>
    page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.tagName ?? null);
  await ask(page, "First");
  await ended(page);
  await page.getByRole("button", { name: words.thread.regenerate }).click();
  await page.getByText("2/2").waitFor();
  await ended(page);
  expect(await focused()).toBe(words.composer.label);
  await page.getByRole("button", { name: words.thread.previousVersion }).click();
  await page.getByText("1/2").waitFor();
  await expect.poll(focused).toBe(words.thread.nextVersion);
  await page.getByRole("button", { name: words.thread.edit }).focus();
  await page.keyboard.press("Enter");
  expect(await focused()).toBe(words.thread.editMessage);
  await page.keyboard.press("Escape");
  expect(await focused()).toBe(words.composer.label);
  await page.keyboard.press("Control+k");
  await expect.poll(focused).toBe(words.palette.find);
  await page.keyboard.press("Escape");
  await expect.poll(focused).toBe(words.composer.label);
  await visitor.close();
});

test("who asks for less motion gets none", async () => {
  await studio.script({ pieces: LONG, rate: 20 });
  const visitor = await studio.newcomer({ reducedMotion: "reduce" });
  const { page } = visitor;
  await ask(page, "Tell me a story");
  await says(page, "word2");
  const animations = await page.evaluate(() => document.getAnimations().length);
  expect(animations).toBe(0);
  await page.keyboard.press("Escape");
  await ended(page);
  await visitor.close();
});
