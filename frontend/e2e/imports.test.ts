/** What comes in from elsewhere: conversations of other programs, and documents of many kinds. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Page } from "playwright-core";

import { words } from "../src/words";
import { pdf, xlsx } from "./files";
import { spoken } from "./languages";
import { DARK, LIGHT, Look } from "./look";
import { ask, ended } from "./manners";
import { REFUSED, Studio } from "./studio";

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 60, rate: 60, slots: 1 });
});

afterAll(async () => {
  await studio.close();
});

afterEach(() => spoken("en"));

const said = (role: string, ...parts: unknown[]): unknown => ({
  author: { role },
  content: { content_type: "text", parts },
  metadata: role === "assistant" ? { model_slug: "gpt-4o" } : {},
});

function talk(id: number, title: string): Record<string, unknown> {
  const picture = { content_type: "image_asset_pointer" };
  const mapping = {
    u: { parent: null, message: said("user", picture, `Question ${id}`) },
    a: { parent: "u", message: said("assistant", `Answer ${id}`) },
    b: { parent: "u", message: said("assistant", `Another answer ${id}`) },
  };
  return { title, conversation_id: `c-${id}`, create_time: 1_700_000_000 + id, mapping, current_node: "b" };
}

const TITLES = ["A walk through the Alps in five days", "رحلة إلى البحر", "机器学习入门", "Recipes", "Interview", "Tax questions"];
const EXPORT = [...TITLES.map((title, id) => talk(id, title)), { title: "Nothing in it", mapping: {} }];

async function choose(page: Page, name: string, content: string): Promise<void> {
  await page.setInputFiles("input[type=file]", { name, mimeType: "application/json", buffer: Buffer.from(content) });
}

describe.each([1280, 360])("at %i pixels", (width) => {
  test("an export is looked at, imported, and not imported twice", async () => {
    const visitor = await studio.newcomer({
      path: "/settings",
      ...LIGHT,
      viewport: { width, height: 740 },
      reducedMotion: "reduce",
    });
    const { page } = visitor;
    const look = new Look(page, `${width}`, [LIGHT, DARK]);
    await choose(page, "page.json", "<html>");
    await page.getByRole("alert").scrollIntoViewIfNeeded();
    await look.at("import 1 no export");
    visitor.pardon(REFUSED); // a browser says that a request was refused
    await choose(page, "conversations.json", JSON.stringify(EXPORT));
    await page.getByRole("button", { name: words.imports.run(6) }).waitFor();
    expect(await page.getByText(words.imports.left("image", 6)).isVisible()).toBe(true);
    await look.at("import 2 preview");
    await page.getByRole("button", { name: words.imports.run(6) }).click();
    await page.getByText(words.imports.result(6, 0, 1)).waitFor();
    await look.at("import 3 over");
    await page.getByRole("button", { name: words.imports.show }).click();
    await page.getByText("Another answer 0").waitFor();
    await page.getByRole("button", { name: words.thread.previousVersion }).click();
    await page.getByText("Answer 0", { exact: true }).waitFor();
    await page.goto(`${studio.url}/settings`);
    await choose(page, "conversations.json", JSON.stringify(EXPORT));
    await page.getByText(words.imports.nothingNew).waitFor();
    await look.at("import 4 again");
    expect(look.findings).toEqual(look.clean);
    await visitor.close();
  });
});

test("a table, a page and an old text are attached, and the model reads their text", async () => {
  await studio.script({ pieces: ["Read."] });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  const files = [
    { name: "prices.csv", mimeType: "text/csv", buffer: Buffer.from("item,price\nbread,3\n") },
    { name: "page.html", mimeType: "text/html", buffer: Buffer.from("<title>T</title><script>no()</script><h1>Head</h1>") },
    { name: "old.txt", mimeType: "text/plain", buffer: Buffer.from([0x47, 0x72, 0xfc, 0xdf, 0x65, 0x20, 0x61, 0x75, 0x73]) },
  ];
  await page.setInputFiles("input[type=file]", files);
  for (const { name } of files) await page.getByRole("button", { name: words.composer.remove(name) }).waitFor();
  await page.getByText(words.composer.reading).first().waitFor({ state: "detached" });
  await page.getByLabel(words.composer.label, { exact: true }).fill("What is in them?");
  await page.keyboard.press("Enter");
  await ended(page);
  const content = (await studio.log()).at(-1)?.body.messages.at(-1)?.content ?? "";
  expect(content).toContain("item,price\nbread,3");
  expect(content).toContain("# Head");
  expect(content).toContain("Grüße aus");
  expect(content).not.toContain("no()");
  await visitor.close();
});

const PAGES = Array.from({ length: 12 }, (_, at) => `Page ${at + 1} tells of the harbour. `.repeat(70));
const ROWS = Array.from({ length: 120 }, (_, at) => [`item ${at}`, "the price of it", `${at}.50`]);
const REPORT = { name: "report.pdf", mimeType: "application/pdf", buffer: pdf(PAGES) };
const PRICES = {
  name: "prices.xlsx",
  mimeType: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  buffer: xlsx({ North: ROWS, South: ROWS, East: ROWS, West: ROWS }),
};

async function attached(page: Page, ...names: string[]): Promise<void> {
  for (const name of names) await page.getByRole("button", { name: words.composer.remove(name) }).waitFor();
  await page.getByText(words.composer.reading).first().waitFor({ state: "detached" });
}

test.each([
  ["en", "light", 1280],
  ["ar", "dark", 360],
] as const)(
  "a reply says which pages and sheets the model read of documents that do not fit (%s)",
  async (locale, colorScheme, width) => {
    await spoken(locale);
    await studio.script({ pieces: ["It is about a harbour."] });
    const visitor = await studio.newcomer({ locale, colorScheme, viewport: { width, height: 740 }, reducedMotion: "reduce" });
    const { page } = visitor;
    const look = new Look(page, `${colorScheme} ${width} ${locale}`);
    const said = page.locator(".answer").last().locator(".left-out");
    await page.setInputFiles("input[type=file][multiple]", [REPORT, PRICES]);
    await attached(page, REPORT.name, PRICES.name);
    await ask(page, "What are they about?");
    await ended(page);
    await look.at("import 5 pages and sheets that were read");
    const sent = (await studio.log()).at(-1)?.body.messages.at(-1)?.content ?? "";
    const pages = [...sent.matchAll(/^\[Page \d+\]$/gm)].length;
    const sheets = [...sent.matchAll(/^\[Sheet \d+: \w+\]$/gm)].length;
    expect(pages).toBeGreaterThan(0);
    expect(pages).toBeLessThan(12);
    expect(sheets).toBeGreaterThan(0);
    expect(sheets).toBeLessThan(4);
    const stored = await page.evaluate(async () => {
      const id = location.pathname.split("/").at(-1);
      const messages = (await (await fetch(`/api/chatbot/sessions/${id}/messages`)).json()) as {
        metadata?: { shown?: object[] };
      }[];
      return messages.at(-1)?.metadata?.shown;
    });
    expect(stored).toMatchObject([
      { name: REPORT.name, unit: "page", of: 12 },
      { name: PRICES.name, unit: "sheet", of: 4 },
    ]);
    const sentences = (stored as Parameters<typeof words.thread.shown>[0][]).map((one) => words.thread.shown(one)).join(" ");
    const read = (stored as { whole?: number; partly?: boolean }[]).map(({ whole = 0, partly = false }) => whole + Number(partly));
    expect(read).toEqual([pages, sheets]);
    await expect.poll(() => said.innerText()).toBe(sentences);
    await page.reload();
    await expect.poll(() => said.innerText()).toBe(sentences);

    await page.getByRole("button", { name: words.thread.regenerate }).click();
    await ended(page);
    await expect.poll(() => said.innerText()).toBe(sentences);
    await page.setInputFiles("input[type=file][multiple]", { ...REPORT, name: "short.pdf", buffer: pdf(["Few words."]) });
    await attached(page, "short.pdf");
    await ask(page, "And this one?");
    await ended(page);
    expect(await said.count()).toBe(0); // the model read it whole
    expect(look.findings).toEqual(look.clean);
    await visitor.close();
  },
);

test("a file that cannot be read keeps the beginning and the end of its name in sight, and says the whole to ears", async () => {
  const visitor = await studio.newcomer({ viewport: { width: 360, height: 740 }, reducedMotion: "reduce" });
  const { page } = visitor;
  const look = new Look(page, "light 360");
  const names = [
    "Minutes of the meeting of the northern branch in the second quarter, draft 7.docx",
    "محضر اجتماع الفرع الشمالي في الربع الثاني من السنة المالية، المسودة 7.docx",
    `${"a".repeat(180)}-7.docx`,
  ];
  await page.setInputFiles(
    "input[type=file][multiple]",
    names.map((name) => ({ name, mimeType: "application/zip", buffer: Buffer.from("no document") })),
  );
  const chips = page.locator(".chips .refused");
  await chips.nth(2).waitFor();
  for (const [at, name] of names.entries()) {
    const shown = chips.nth(at).locator(".file-name");
    expect(await shown.getAttribute("title")).toBe(name);
    await chips.nth(at).getByText(name, { exact: true }).waitFor(); // for ears
    const seen = await shown.evaluate((place) => {
      const box = (place.closest(".box") as Element).getBoundingClientRect();
      const [start, end] = [...place.querySelectorAll("[aria-hidden]")].map((piece) => ({
        text: piece.textContent,
        box: piece.getBoundingClientRect(),
      }));
      const isInside = [start, end].every((piece) => piece && piece.box.left >= box.left && piece.box.right <= box.right);
      return { isInside, end: end?.text, width: start?.box.width ?? 0 };
    });
    expect(seen.isInside).toBe(true);
    expect(seen.end).toMatch(/7\.docx$/);
    expect(seen.width).toBeGreaterThan(60);
  }
  await look.at("import 6 names of files that cannot be read");
  for (const name of names) await page.getByRole("button", { name: words.composer.remove(name) }).click();
  expect(await chips.count()).toBe(0);
  expect(look.findings).toEqual(look.clean);
  visitor.pardon(REFUSED); // a browser says that a request was refused
  await visitor.close();
});
