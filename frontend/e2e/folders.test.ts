/** The list of conversations: pages, folders, moves by mouse and by keyboard, search in a folder, several tabs; and how it looks. */

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { words } from "../src/words";
import { ask, ended, noticesStay, says } from "./manners";
import { DARK, LIGHT, Look } from "./look";
import { NO_PAGE, REFUSED, Studio } from "./studio";

const NAMES = ["مشاريع العمل", "งานและการเดินทางครั้งต่อไปของเรา", "👩‍👩‍👧‍👦 Family", "x".repeat(80)];

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 400, rate: 20, slots: 4 });
});

afterAll(async () => {
  await studio.close();
});

/** A request of the page's own. */
async function call<T = { id: number }>(page: Page, method: string, path: string, body?: unknown): Promise<T> {
  return page.evaluate(
    async ([how, where, what]) => {
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(where, { method: how, headers, ...(what !== null && { body: what }) });
      if (!answer.ok) throw new Error(`${how} ${where}: ${answer.status} ${await answer.text()}`);
      return answer.status === 204 ? null : ((await answer.json()) as unknown);
    },
    [method, path, body === undefined ? null : JSON.stringify(body)] as const,
  ) as Promise<T>;
}

async function make(page: Page, titles: readonly string[], more: Record<string, unknown> = {}): Promise<number[]> {
  const made: number[] = [];
  for (const title of titles) made.push((await call(page, "POST", "/api/chatbot/sessions", { title, ...more })).id);
  return made;
}

const entry = (page: Page, title: string) =>
  page
    .getByRole("listitem")
    .filter({ has: page.locator(".entry", { hasText: title }) })
    .last();
const folder = (page: Page, name: string) => page.locator(".folder", { has: page.getByRole("button", { name, exact: true }) });
const within = (page: Page, name: string, title: string) => folder(page, name).locator(".entry", { hasText: title });

async function focused(page: Page): Promise<string> {
  return page.evaluate(() => document.activeElement?.textContent ?? "");
}

test("with the keyboard alone a folder is made, a conversation moves into it and out, and the folder is renamed and deleted", async () => {
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await make(page, ["Herons", "Otters"]);
  await entry(page, "Herons").waitFor();
  await page.getByRole("button", { name: words.folders.new }).focus();
  await page.keyboard.press("Enter");
  await page.keyboard.type("Zoo");
  await page.keyboard.press("Enter");
  await folder(page, "Zoo").getByText(words.folders.empty).waitFor();
  await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe(words.folders.new);

  await entry(page, "Herons")
    .getByRole("button", { name: words.sessions.actions("Herons") })
    .focus();
  await page.keyboard.press("Enter");
  await page.keyboard.type("m");
  await page.keyboard.press("Enter");
  await page.getByRole("combobox", { name: words.folders.find }).waitFor();
  await page.keyboard.type("zo");
  await page.keyboard.press("Enter");
  await within(page, "Zoo", "Herons").waitFor();
  await page.getByText(words.folders.moved("Herons", "Zoo")).waitFor();

  await page.getByRole("link", { name: /Otters/ }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Otters", level: 1 }).waitFor();
  await page.getByRole("link", { name: /Otters/ }).focus();
  await page.keyboard.press("m");
  await page.getByRole("dialog", { name: words.folders.moveTitle("Otters") }).waitFor();
  await page.keyboard.type("Lake");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await within(page, "Lake", "Otters").waitFor();

  await folder(page, "Lake").locator(".more").waitFor({ state: "detached" }); // all of it is there
  await page.getByRole("link", { name: words.studio.newConversation }).focus();
  await folder(page, "Lake").getByRole("button", { name: "Lake", exact: true }).focus();
  await page.keyboard.press("ArrowDown");
  expect(await focused(page)).toContain("Otters");
  await page.keyboard.press("ArrowDown");
  expect(await focused(page)).toBe("Zoo");
  await page.keyboard.press("Enter");
  await expect.poll(() => within(page, "Zoo", "Herons").count()).toBe(0);

  await folder(page, "Lake")
    .getByRole("button", { name: words.folders.actions("Lake") })
    .focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByLabel(words.folders.name).waitFor();
  await page.keyboard.type("zoo");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("You have a folder with this name").waitFor();
  await page.getByLabel(words.folders.name).fill("River");
  await page.keyboard.press("Enter");
  await folder(page, "River")
    .getByRole("button", { name: words.folders.actions("River") })
    .focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await page.getByText(words.folders.deleteText).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.getByRole("button", { name: words.folders.delete }).focus();
  await page.keyboard.press("Enter");
  await expect.poll(() => folder(page, "River").count()).toBe(0);
  await page.locator(".outside .entry", { hasText: "Otters" }).waitFor();
  visitor.pardon(REFUSED); // a browser says that a request was refused
  await visitor.close();
});

test("a conversation is dragged into a folder and out of it, and either is taken back", async () => {
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await call(page, "POST", "/api/chatbot/folders", { name: "Zoo" });
  await make(page, ["Herons"]);
  await entry(page, "Herons").waitFor();
  await folder(page, "Zoo").waitFor();
  await noticesStay(page);
  await page.getByRole("link", { name: /Herons/ }).dragTo(folder(page, "Zoo"));
  await expect.poll(() => page.locator(".outside .entry").count()).toBe(0);
  await folder(page, "Zoo").getByRole("button", { name: "Zoo", exact: true }).click();
  await within(page, "Zoo", "Herons").waitFor();
  await page.getByRole("button", { name: words.sessions.undo }).last().click();
  await page.locator(".outside .entry", { hasText: "Herons" }).waitFor();
  await page.getByRole("link", { name: /Herons/ }).dragTo(folder(page, "Zoo"));
  await within(page, "Zoo", "Herons").waitFor();
  await make(page, ["Otters"]);
  await entry(page, "Otters").waitFor();
  await page.getByRole("link", { name: /Herons/ }).dragTo(page.locator(".outside"));
  await page.locator(".outside .entry", { hasText: "Herons" }).waitFor();
  await visitor.close();
});

test("a new conversation in a folder starts with its prompt, and keeps it when the folder has another", async () => {
  await studio.script({ pieces: ["Yes."] });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await page.getByRole("button", { name: words.folders.new }).click();
  await page.getByLabel(words.folders.name).fill("Zoo");
  await page.getByRole("dialog").getByLabel(words.options.systemPrompt).fill("Talk of animals.");
  await page.getByRole("button", { name: words.folders.create }).click();
  await folder(page, "Zoo").hover();
  await folder(page, "Zoo")
    .getByRole("button", { name: words.folders.actions("Zoo") })
    .click();
  await page.getByRole("menuitem", { name: words.folders.newIn }).click();
  await page.getByRole("heading", { name: words.folders.newInTitle("Zoo") }).waitFor();
  await ask(page, "Hello");
  await ended(page);
  await within(page, "Zoo", "Hello").waitFor();
  const prompts = async (): Promise<string[]> =>
    ((await studio.log()).at(-1)?.body.messages ?? []).filter(({ role }) => role === "system").map(({ content }) => content);
  expect(await prompts()).toEqual(["Talk of animals."]);
  const [zoo] = await call<{ id: number }[]>(page, "GET", "/api/chatbot/folders");
  await call(page, "PATCH", `/api/chatbot/folders/${zoo?.id}`, { system_prompt: "Talk of plants." });
  await ask(page, "And now?");
  await page.locator(".answer").nth(1).waitFor();
  await ended(page);
  expect(await prompts()).toEqual(["Talk of animals."]);
  await page.getByRole("link", { name: words.studio.newConversation }).click();
  await ask(page, "Elsewhere");
  await ended(page);
  expect(await prompts()).toEqual([]);
  await visitor.close();
});

test("the list comes by pages as one scrolls and as one goes down by keys, and each conversation once", async () => {
  const visitor = await studio.newcomer({ path: NO_PAGE }); // no list that each of them changes
  const { page } = visitor;
  const ids = await make(
    page,
    Array.from({ length: 230 }, (_, at) => `Talk ${at + 1}.`),
  );
  await page.goto(studio.url);
  await entry(page, "Talk 230.").waitFor();
  const count = () => page.locator(".entry").count();
  await expect.poll(count).toBeLessThanOrEqual(100);
  await page.getByRole("link", { name: /Talk 230\./ }).focus();
  for (const least of [100, 150]) {
    await page.keyboard.press("End");
    await expect.poll(count).toBeGreaterThanOrEqual(least);
  }
  const second = await visitor.tab("/");
  await call(second, "DELETE", `/api/chatbot/sessions/${ids[170]}`);
  await call(second, "PATCH", `/api/chatbot/sessions/${ids[3]}`, { title: "Renamed meanwhile" });
  await call(second, "PATCH", `/api/chatbot/sessions/${ids[1]}`, { pinned: true });
  await page.locator(".sessions").hover();
  await expect
    .poll(
      async () => {
        await page.mouse.wheel(0, 5_000);
        return page.locator(".more").count();
      },
      { timeout: 20_000 },
    )
    .toBe(0);
  const list = async (): Promise<unknown> => {
    const shown = await page.locator(".entry .title").allTextContents();
    return { all: shown.length, different: new Set(shown).size, first: shown.slice(0, 3), last: shown.slice(-3) };
  };
  await expect.poll(list).toEqual({
    all: 229,
    different: 229,
    first: ["Talk 2.", "Talk 230.", "Talk 229."],
    last: ["Renamed meanwhile", "Talk 3.", "Talk 1."],
  });
  await page.goto(`${studio.url}/c/${ids[5]}`); // which the list does not know yet
  await page.getByRole("heading", { name: "Talk 6.", level: 1 }).waitFor();
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: words.palette.find }).fill("renamed mean");
  await page.getByRole("option", { name: /Renamed meanwhile/ }).waitFor();
  await visitor.close();
});

test("two tabs that move the same conversation, and delete its folder while its reply runs, agree in the end", async () => {
  await studio.script({ pieces: Array.from({ length: 2000 }, (_, at) => `word${at} `), rate: 20 });
  const visitor = await studio.newcomer();
  const { page } = visitor;
  const [zoo, lake] = [
    await call(page, "POST", "/api/chatbot/folders", { name: "Zoo" }),
    await call(page, "POST", "/api/chatbot/folders", { name: "Lake" }),
  ];
  await page.getByLabel(words.composer.label, { exact: true }).waitFor();
  await ask(page, "Herons");
  await says(page, "word2");
  const session = Number(/\d+$/.exec(page.url())?.[0]);
  const second = await visitor.tab(`/c/${session}`);
  for (const tab of [page, second])
    for (const name of ["Zoo", "Lake"]) await folder(tab, name).getByRole("button", { name, exact: true }).click();
  await Promise.all([
    call(page, "PATCH", `/api/chatbot/sessions/${session}`, { folder_id: zoo.id }),
    call(second, "PATCH", `/api/chatbot/sessions/${session}`, { folder_id: lake.id }),
  ]);
  const { folder_id } = await call<{ folder_id: number }>(page, "GET", `/api/chatbot/sessions/${session}`);
  const [where, other] = folder_id === zoo.id ? ["Zoo", "Lake"] : ["Lake", "Zoo"];
  for (const tab of [page, second]) {
    await within(tab, where, "Herons").waitFor();
    expect(await within(tab, other, "Herons").count()).toBe(0);
  }
  await call(second, "DELETE", `/api/chatbot/folders/${folder_id}`);
  for (const tab of [page, second]) {
    await tab.locator(".outside .entry", { hasText: "Herons" }).waitFor();
    await expect.poll(() => folder(tab, where).count()).toBe(0);
  }
  const words_ = await page.locator(".answer").last().innerText();
  await expect.poll(() => page.locator(".answer").last().innerText()).not.toBe(words_);
  await page.getByLabel(words.composer.label, { exact: true }).focus();
  await page.keyboard.press("Escape");
  await ended(page);
  await visitor.close();
});

test("a search looks everywhere or in one folder, finds folders too, and says where a result is", async () => {
  const visitor = await studio.newcomer();
  const { page } = visitor;
  const zoo = await call(page, "POST", "/api/chatbot/folders", { name: "Heron house" });
  await make(page, ["Herons inside"], { folder_id: zoo.id });
  await make(page, ["Herons outside"]);
  await entry(page, "Herons outside").waitFor();
  const field = page.getByLabel(words.sessions.search, { exact: true });
  await field.fill("heron");
  const results = page.getByRole("list", { name: words.sessions.results }).getByRole("link");
  await expect.poll(() => results.count()).toBe(2);
  await results.filter({ hasText: "inside" }).getByText("Heron house").waitFor();
  await page.getByLabel(words.sessions.searchIn).selectOption("Heron house");
  await expect.poll(() => results.allInnerTexts()).toEqual([expect.stringContaining("inside")]);
  await page.getByLabel(words.sessions.searchIn).selectOption(words.sessions.everywhere);
  await page.getByRole("button", { name: "Heron house" }).click();
  await within(page, "Heron house", "inside").waitFor();
  expect(await field.inputValue()).toBe("");
  await visitor.close();
});

describe.each([1280, 360])("at %i pixels", (width) => {
  test("the list with folders is without a violation", async () => {
    await studio.script({
      pieces: ["A **heron** is a long-legged bird that stands still for hours and waits for fish to come by."],
    });
    const visitor = await studio.newcomer({ ...LIGHT, viewport: { width, height: 740 }, reducedMotion: "reduce" });
    const { page } = visitor;
    const isPhone = width < 760;
    const look = new Look(page, `${width}`, [LIGHT, DARK]);
    const list = page.getByRole("button", { name: words.studio.conversations });
    const open = async (): Promise<void> => {
      if (isPhone) await list.click();
    };
    await ask(page, "Translate the following text into French, please, and keep the tone");
    await ended(page);
    const folders: number[] = [];
    for (const name of NAMES) folders.push((await call(page, "POST", "/api/chatbot/folders", { name })).id);
    await make(page, ["Translate the following text into German, please, and keep the tone", "ترجم هذا النص إلى الفرنسية من فضلك"]);
    await make(page, ["y".repeat(80), "รายการสิ่งที่ต้องทำก่อนเดินทาง"], { folder_id: folders[0] });
    await make(page, ["Pinned, from a folder"], { folder_id: folders[2], pinned: true });
    await open();
    await folder(page, NAMES[0] ?? "")
      .getByRole("button", { name: NAMES[0] ?? "", exact: true })
      .click();
    await folder(page, NAMES[1] ?? "")
      .getByRole("button", { name: NAMES[1] ?? "", exact: true })
      .click();
    await within(page, NAMES[0] ?? "", "yyy").waitFor();
    await folder(page, NAMES[1] ?? "")
      .getByText(words.folders.empty)
      .waitFor();
    await look.at("40 folders");
    await entry(page, "German").hover();
    await entry(page, "German")
      .getByRole("button", { name: /^Actions/ })
      .click();
    await page.getByRole("menuitem", { name: words.folders.move }).waitFor();
    await look.at("41 the menu of a conversation");
    await page.getByRole("menuitem", { name: words.folders.move }).click();
    await page.getByRole("combobox", { name: words.folders.find }).waitFor();
    await look.at("42 moving");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: words.folders.new }).click();
    await page.getByLabel(words.folders.name).fill("Zoo");
    await look.at("43 a new folder");
    await page.keyboard.press("Escape");
    await page.locator(".sessions").evaluate((box) => box.scrollTo(0, 10_000));
    await look.at("44 the end of the list");
    await page.getByLabel(words.sessions.search, { exact: true }).fill("text");
    await page.locator("mark").first().waitFor();
    await look.at("45 found");
    expect(look.findings).toEqual(look.clean);
    await visitor.close();
  });
});
