/**
 * Keys and budgets, as people make and read them, by the keyboard, on a phone and in Arabic.
 *
 * Each state is looked at by axe and, with PICTURES=1, kept as a picture in e2e/pictures/.
 */

import type { Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { words } from "../src/words";
import { spoken } from "./languages";
import { Look } from "./look";
import { ask, ended } from "./manners";
import { NO_PAGE, REFUSED, Studio, type Visitor } from "./studio";

let studio: Studio;
let visitor: Visitor;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 30, rate: 500 });
});

afterAll(async () => {
  await studio.close();
});

afterEach(async () => {
  await spoken("en");
  await visitor.close();
});

async function number(page: Page): Promise<number> {
  const answer = await page.request.get(`${studio.url}/api/auth/me`);
  return ((await answer.json()) as { id: number }).id;
}

function limit(page: Page, name: string): Locator {
  return page.getByRole("spinbutton", { name });
}

async function press(page: Page, ...keys: string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key);
}

test.each([
  ["en", 1280, "light"],
  ["en", 360, "dark"],
  ["ar", 360, "light"],
  ["ar", 1280, "dark"],
] as const)("keys are made, limited and revoked (%s, %i pixels, %s)", async (language, width, colorScheme) => {
  await spoken(language);
  visitor = await studio.newcomer({ path: NO_PAGE, viewport: { width, height: 800 }, colorScheme, locale: language });
  const { page } = visitor;
  const look = new Look(page, `${language} ${width} ${colorScheme}`);
  await studio.asAdmin("PUT", `/api/admin/users/${await number(page)}/budget`, { tokens_per_day: 5000, runs: 3 });
  await page.goto(`${studio.url}/settings`);
  await page.getByRole("heading", { name: words.budget.title }).waitFor();
  await page.getByRole("button", { name: words.keys.create }).click();
  await page.getByLabel(words.keys.name, { exact: true }).fill("Notebook");
  await page.getByLabel(words.keys.scopes.embeddings).uncheck();
  await page.getByLabel(words.keys.expires).selectOption("30");
  await limit(page, words.budget.limits.tokens_per_day).fill("1000");
  await look.at("key new");
  await page.getByRole("button", { name: words.keys.make }).click();
  const secret = await page.getByLabel(words.keys.madeTitle, { exact: true }).and(page.locator("input")).inputValue();
  expect(secret).toMatch(/^sk-lam-[\w-]{43}$/);
  await look.at("key made");
  await page.getByRole("button", { name: words.keys.done }).click();
  await page.getByText(secret.slice(0, 11)).waitFor();
  expect(await page.content()).not.toContain(secret);
  await page.getByRole("progressbar", { name: words.budget.limits.tokens_per_day }).nth(1).waitFor();
  await page.getByRole("button", { name: words.keys.actionsOf("Notebook") }).scrollIntoViewIfNeeded();
  await look.at("keys");

  await page.getByRole("button", { name: words.keys.actionsOf("Notebook") }).click();
  await page.getByRole("menuitem", { name: words.keys.changeLimits }).click();
  expect(await limit(page, words.budget.limits.tokens_per_day).inputValue()).toBe("1000");
  await limit(page, words.budget.limits.tokens_per_day).fill("");
  await limit(page, words.budget.limits.runs).fill("0");
  await look.at("key limits");
  await page.getByRole("button", { name: words.keys.save }).click();
  await page.getByText(words.budget.left(0, 0)).waitFor();

  await page.getByRole("button", { name: words.keys.actionsOf("Notebook") }).click();
  await page.getByRole("menuitem", { name: words.keys.revoke }).click();
  await page.getByRole("button", { name: words.keys.revoke, exact: true }).click();
  await page.getByText(secret.slice(0, 11)).waitFor({ state: "detached" });
  expect(look.findings).toEqual(look.clean);
});

test("a key is made and revoked by the keyboard alone, and the focus is never lost", async () => {
  visitor = await studio.newcomer({ path: "/settings" });
  const { page } = visitor;
  await page.getByRole("button", { name: words.keys.create }).focus();
  await press(page, "Enter");
  await page.keyboard.type("Notebook");
  await press(page, "Enter");
  await page.getByRole("button", { name: words.keys.copy }).waitFor();
  await press(page, "Escape");
  await page.getByRole("button", { name: words.keys.actionsOf("Notebook") }).waitFor();
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(words.keys.create);
  await press(page, "Tab", "Enter", "End", "Enter");
  await page.getByRole("dialog", { name: words.keys.revokeTitle("Notebook") }).waitFor();
  await page.getByRole("button", { name: words.keys.revoke, exact: true }).focus();
  await press(page, "Enter");
  await page.getByText("Notebook").waitFor({ state: "detached" });
  expect(await page.evaluate(() => document.activeElement !== document.body)).toBe(true);
});

test("what is left is shown where one looks for what was used, and a refusal says when it renews", async () => {
  visitor = await studio.newcomer({ viewport: { width: 360, height: 800 } });
  const { page } = visitor;
  const look = new Look(page, "en 360");
  await ask(page, "One");
  await ended(page);
  await studio.asAdmin("PUT", `/api/admin/users/${await number(page)}/budget`, { tokens_per_day: 10 });
  await ask(page, "Two");
  await page.getByText(/may use 10 tokens a day/).waitFor();
  visitor.pardon(REFUSED); // of the refusal, which is meant
  await page.goto(`${studio.url}/usage`);
  await page.getByText(words.budget.left(10, 10)).waitFor();
  await page.getByRole("link", { name: words.usage.download }).waitFor();
  await look.at("usage with a budget");
  expect(look.findings).toEqual(look.clean);
});

test("an admin chooses whose usage it is, and gives accounts their budgets", async () => {
  visitor = await studio.newcomer();
  const { page } = visitor;
  const user = await number(page);
  await ask(page, "One");
  await ended(page);
  await studio.asAdmin("PATCH", `/api/admin/users/${user}`, { is_admin: true });
  await page.goto(`${studio.url}/usage`);
  await page.getByRole("combobox", { name: words.usage.user }).selectOption("all");
  await page.getByRole("tab", { name: words.usage.views.user }).click();
  await page
    .getByRole("rowheader", { name: /example\.org/ })
    .first()
    .waitFor();
  await page.goto(`${studio.url}/admin`);
  const look = new Look(page, "en 1280");
  await page.getByRole("button", { name: words.admin.actionsOf(words.admin.local) }).click();
  await page.getByRole("menuitem", { name: words.budget.set }).click();
  await limit(page, words.budget.limits.tokens_per_day).fill("12345");
  await look.at("budget of a user");
  await page.getByRole("button", { name: words.keys.save }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const budget = await studio.asAdmin("GET", "/api/admin/users/1/budget");
  expect(budget).toMatchObject({ own: { tokens_per_day: 12345 } });
  expect(look.findings).toEqual(look.clean);
  await studio.asAdmin("DELETE", "/api/admin/users/1/budget");
});
