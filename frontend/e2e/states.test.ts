/**
 * Every state of the page, in light, dark and forced colours, on a desk and on a phone, in English and in Arabic: nothing that a screen reader or a weak eye stumbles over,
 * nothing wider than the screen, and with PICTURES=1 a picture of it in e2e/pictures/, to be looked at.
 */

import { readFileSync } from "node:fs";

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { words } from "../src/words";
import { spoken } from "./languages";
import { COMPACT, DARK, FORCED, LIGHT, Look, prefer } from "./look";
import { noticesStay } from "./manners";
import { AWAY, REFUSED, Studio } from "./studio";

const RICH = readFileSync(new URL("./rich.md", import.meta.url), "utf8");

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 100, rate: 30, slots: 1 });
});

afterAll(async () => {
  await studio.close();
});

async function ask(page: Page, text: string): Promise<void> {
  await page.getByLabel(words.composer.label, { exact: true }).fill(text);
  await page.keyboard.press("Enter");
}

async function settled(page: Page): Promise<void> {
  await page.getByRole("button", { name: words.common.send, exact: true }).waitFor(); // earlier replies have their buttons already
  await page
    .getByRole("button", { name: new RegExp(`${words.thread.regenerate}|${words.thread.retry}`) })
    .last()
    .waitFor();
}

const NOTES = "# Notes\n\nThe meeting is at noon.";

/** A sentence with a number in it, whatever the number is. */
function sentence(said: string, sample: string): RegExp {
  return new RegExp(said.replace(sample, "\\d+"));
}

describe.each([
  ["en", 1280, [LIGHT, { ...DARK, ...COMPACT }, { ...DARK, ...FORCED }]],
  ["en", 360, [{ ...LIGHT, ...COMPACT }, DARK, { ...LIGHT, ...FORCED }]],
  ["ar", 1280, [LIGHT]],
  ["ar", 360, [DARK]],
] as const)("%s at %i pixels", (language, width, appearances) => {
  beforeAll(() => spoken(language));
  afterAll(() => spoken("en"));

  test("every state is without a violation", async () => {
    const visitor = await studio.newcomer({
      colorScheme: appearances[0].colorScheme,
      locale: language,
      viewport: { width, height: 740 },
      reducedMotion: "reduce",
    });
    const { page } = visitor;
    await prefer(page, appearances[0]);
    await page.reload();
    await page.getByLabel(words.composer.label, { exact: true }).waitFor();
    const isPhone = width < 760;

    const look = new Look(page, `${language} ${width}`, appearances);
    const state = (name: string): Promise<void> => look.at(name);

    await state("01 empty");
    await studio.script({ pieces: ["never"], progress: 90, wait: 0.5 });
    await ask(page, "Tell me a story");
    await page.getByText(sentence(words.reply.readingShare(0.61), "61")).waitFor();
    await state("02 prompt is read");

    const other = await studio.newcomer({ locale: language });
    await ask(other.page, "Me too");
    await other.page.getByText(words.reply.next).waitFor();
    await other.page.keyboard.press("Escape");
    await settled(other.page);
    await other.close();

    await page.keyboard.press("Escape");
    await settled(page);
    await state("03 stopped before the first word");

    const thoughts = Array.from({ length: 100 }, (_, at) => (at % 2 === 0 ? "First I " : "think. "));
    await studio.script({ thinking: thoughts, pieces: ["So"], rate: 0.4 });
    await ask(page, "Think");
    await page.getByText(sentence(words.reply.thinkingFor(1), "1")).waitFor();
    await page.getByText(words.thread.thoughts, { exact: true }).click();
    await state("04 thinking");
    await page.keyboard.press("Escape");
    await settled(page);

    await studio.script({ pieces: RICH.match(/[\s\S]{1,8}/g), rate: 40 });
    await ask(page, "Show me what you can");
    await page.locator(".answer").last().getByText("A list").waitFor();
    await state("05 running");
    await studio.script({ pieces: RICH.match(/[\s\S]{1,8}/g), rate: 0 });
    await page.keyboard.press("Escape");
    await settled(page);
    await state("06 stopped");
    await page.getByRole("button", { name: words.thread.regenerate }).last().click();
    await page.getByText("2/2").waitFor();
    await page.locator(".katex").first().waitFor();
    await page.locator(".hljs-keyword").first().waitFor();
    await page.locator(".answer").last().getByRole("button", { name: words.thread.good }).click();
    await state("07 ended");
    await page.getByRole("region", { name: words.thread.label }).evaluate((box) => box.scrollBy(0, -900));
    await page.getByRole("button", { name: words.thread.toEnd }).waitFor();
    await state("08 scrolled up");

    await studio.script({ pieces: ["Half a sen", "tence"], fault: "cut", after: 2, rate: 20 });
    await ask(page, "And now break");
    await page.getByRole("button", { name: words.thread.continue }).last().waitFor();
    await state("09 interrupted");
    await studio.script({ pieces: ["Short."] });

    await page.getByLabel(words.composer.label, { exact: true }).fill("");
    await page.keyboard.press("ArrowUp");
    await page.getByLabel(words.thread.editMessage).waitFor();
    await state("10 edited");
    await page.keyboard.press("Escape");

    await page.setInputFiles("input[type=file]", [
      { name: "notes.md", mimeType: "text/markdown", buffer: Buffer.from(NOTES) },
      { name: "empty.pdf", mimeType: "application/pdf", buffer: Buffer.from("no pdf") },
    ]);
    await page.getByText(words.composer.characters(NOTES.length)).waitFor();
    await page.locator(".chips .problem").waitFor();
    await page.getByLabel(words.composer.label, { exact: true }).fill("When is the meeting?");
    await state("11 documents");
    await page.getByRole("button", { name: words.composer.remove("empty.pdf") }).click();
    await page.getByLabel(words.composer.label, { exact: true }).press("Enter");
    await page.locator(".turn").last().getByText("notes.md").waitFor();
    await settled(page);
    await page.locator(".turn").last().getByText("notes.md").click();
    await state("12 a document in a turn");

    await page.getByRole("button", { name: words.studio.options, exact: true }).click();
    await page.getByLabel(words.options.systemPrompt).fill("Be brief.");
    await page.getByText(words.options.saved).waitFor();
    await state("13 options");
    await page.getByRole("button", { name: words.options.close }).click();

    await page.goto(`${studio.url}/templates`);
    await page.getByText(words.templates.empty).waitFor();
    await state("14 no templates");
    await page.getByRole("link", { name: words.templates.new }).click();
    await page.getByLabel(words.templates.title).fill("Translator");
    await page.getByLabel(words.templates.description).fill("Into any language");
    await page.getByLabel(words.templates.prompt).fill("Translate into {{language=English}}. Tone: {{tone|how it should sound}}.");
    await page.getByRole("button", { name: words.templates.create }).click();
    await page.getByText(words.templates.saved(1)).waitFor();
    await page.getByRole("button", { name: words.templates.save, exact: true }).waitFor();
    await page
      .getByLabel(words.templates.prompt)
      .fill("Translate what I say into {{language=English}}. Tone: {{tone|how it should sound}}.");
    await page.getByRole("button", { name: words.templates.save }).click();
    await page.getByText(words.templates.earlierVersions).waitFor();
    await state("15 a template");
    await page.getByRole("button", { name: words.templates.tryIt }).click();
    await page.getByRole("textbox", { name: "tone" }).fill("formal");
    await state("16 variables");
    await page.getByRole("button", { name: words.templates.start }).click();
    await page.getByLabel(words.composer.label, { exact: true }).fill("/tra");
    await page.getByRole("option", { name: /Translator/ }).waitFor();
    await state("17 templates by slash");
    await page.getByLabel(words.composer.label, { exact: true }).fill("");

    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: words.palette.find }).waitFor();
    await state("18 palette");
    await page.keyboard.press("Escape");
    await page.getByRole("region", { name: words.thread.label }).or(page.locator(".welcome")).first().click();
    await page.keyboard.press("?");
    await page.getByRole("heading", { name: words.palette.keys }).waitFor();
    await state("19 keys");
    await page.keyboard.press("Escape");

    const list = page.getByRole("button", { name: words.studio.conversations });
    if (isPhone) await list.click();
    await state("20 the list");
    await page.getByLabel(words.sessions.search).fill("story");
    await page.locator("mark").first().waitFor();
    await state("21 found");
    await page.getByLabel(words.sessions.search).fill("");
    const choose = async (action: string): Promise<void> => {
      await page.getByRole("link", { name: "Translator" }).hover();
      await page.getByRole("button", { name: words.sessions.actions("Translator") }).click();
      await page
        .getByRole("menuitemcheckbox", { name: action })
        .or(page.getByRole("menuitem", { name: action }))
        .click();
    };
    await choose(words.sessions.pin);
    await page.getByRole("heading", { name: words.sessions.pinned }).waitFor();
    await noticesStay(page);
    await choose(words.common.delete);
    await page.getByRole("button", { name: words.sessions.undo }).click();
    await page.getByRole("link", { name: "Translator" }).waitFor();
    await choose(words.common.delete);
    await page.getByText(words.sessions.deleted("Translator")).waitFor();
    await state("22 deleted");

    await page.goto(`${studio.url}/usage`);
    await page.getByText(words.usage.details).waitFor();
    await state("23 usage");
    await page.goto(`${studio.url}/settings`);
    await page.getByText(words.settings.thisDevice).waitFor();
    await state("24 settings");
    await page.getByRole("button", { name: words.settings.deleteAccount }).click();
    await page.getByText(words.admin.deleteText).waitFor();
    await state("25 asked once");
    await page.keyboard.press("Escape");
    await page.goto(`${studio.url}/nowhere`);
    await page.getByText(words.failure.notFoundTitle).waitFor();
    await state("26 not found");

    const own = (await page.evaluate(async () => (await (await fetch("/api/auth/me")).json()) as unknown)) as { id: number };
    await studio.asAdmin("PATCH", `/api/admin/users/${own.id}`, { is_admin: true });
    await page.goto(`${studio.url}/admin`);
    await page.getByText(words.admin.local).waitFor();
    await state("27 admin");

    await page.route("**/api/auth/me", (route) => route.abort());
    await page.goto(`${studio.url}/`);
    await page.getByText(words.failure.offlineTitle).waitFor();
    await state("28 offline");
    await page.unroute("**/api/auth/me");
    await page.getByRole("button", { name: words.common.tryAgain }).click();
    await page.getByLabel(words.composer.label, { exact: true }).waitFor();

    if (isPhone) await list.click();
    await page.getByRole("button", { name: words.common.signOut }).click();
    await page.getByLabel(words.common.email).waitFor();
    await state("29 sign-in");

    expect(look.findings).toEqual(look.clean);
    visitor.pardon(REFUSED, AWAY); // a browser says that a request was refused, and that nobody answered
    await visitor.close();
  });
});
