/** Another language is one file: a page that is built with another catalogue says nothing in English, on any page and in any name. */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";

import type { Page } from "playwright-core";
import { build, type Plugin } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";

import { LANGUAGES, words } from "../src/words";
import { en as other } from "./other-language";
import { AWAY, REFUSED, Studio, type Visitor } from "./studio";

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
let folder: string;
let studio: Studio;
let visitor: Visitor;
let page: Page;

/** Puts the other catalogue in the place of the English one. */
function otherLanguage(): Plugin {
  const file = new URL("./other-language.ts", import.meta.url).pathname;
  return {
    name: "other-language",
    enforce: "pre",
    resolveId: (source, importer) => (source === "./en" && importer?.endsWith("/src/words/index.ts") ? file : null),
  };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lam-words-"));
  await build({ logLevel: "error", plugins: [otherLanguage()], build: { outDir: folder, emptyOutDir: true } });
  studio = await Studio.open({ tokens: 1, rate: 0 });
  await studio.script({ pieces: ["456"], thinking: ["123"] });
  const policy = (await fetch(studio.url)).headers.get("Content-Security-Policy") ?? "";
  visitor = await studio.newcomer();
  page = visitor.page;
  const account = (await page.evaluate(async () => (await (await fetch("/api/auth/me")).json()) as unknown)) as { id: number };
  await studio.asAdmin("PATCH", `/api/admin/users/${account.id}`, { is_admin: true });
  await visitor.context.route(
    (url) => !url.pathname.startsWith("/api/"),
    async (route) => {
      const wanted = join(folder, new URL(route.request().url()).pathname);
      const path = extname(wanted) !== "" && existsSync(wanted) ? wanted : join(folder, "index.html");
      await route.fulfill({
        body: readFileSync(path),
        contentType: TYPES[extname(path)] ?? "application/octet-stream",
        headers: { "Content-Security-Policy": policy },
      });
    },
  );
});

afterAll(async () => {
  await visitor.close();
  await studio.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Texts in Latin letters that somebody could read or hear, apart from addresses, the names of model, browser and languages, and presets. */
async function english(): Promise<string[]> {
  const said = await page.evaluate(() => {
    const found = [document.title];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) found.push(walker.currentNode.textContent ?? "");
    for (const element of document.querySelectorAll("*"))
      for (const name of ["aria-label", "aria-description", "title", "placeholder", "alt"])
        found.push(element.getAttribute(name) ?? "");
    return found;
  });
  const data = await page.evaluate(async () => {
    const answer = await fetch("/api/chatbot/presets");
    const presets = answer.ok ? ((await answer.json()) as { title: string }[]).map(({ title }) => title) : [];
    return ["scripted", navigator.userAgent, ...presets];
  });
  data.push(...Object.values(LANGUAGES)); // each by its own name
  return said.filter((text) => /[a-z]{2}/i.test(data.reduce((rest, one) => rest.replaceAll(one, ""), text)) && !text.includes("@"));
}

test("the studio says nothing in English", async () => {
  await page.goto(studio.url);
  await page.getByText(other.studio.welcome).waitFor();
  expect(await page.evaluate(() => document.documentElement.lang)).toBe("bg");
  expect(await english()).toEqual([]);

  await page.getByLabel(other.composer.label, { exact: true }).fill("789");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: other.thread.regenerate }).click();
  await page.getByText("2/2").waitFor();
  await page.getByRole("button", { name: other.thread.regenerate }).waitFor();
  await page.getByRole("button", { name: other.studio.options, exact: true }).click();
  await page.getByText(other.options.saved).waitFor();
  await page.getByText(other.thread.thoughts, { exact: true }).click();
  expect(await english()).toEqual([]);

  await page.getByLabel(other.composer.label, { exact: true }).fill("/0");
  await page.getByText(other.composer.createTemplate).waitFor();
  await page.getByLabel(other.sessions.search).fill("000");
  await page.getByText(other.sessions.noResults, { exact: true }).waitFor();
  expect(await english()).toEqual([]);
  await page.getByLabel(other.sessions.search).fill("");
  await page.getByLabel(other.composer.label, { exact: true }).fill("");

  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: other.palette.find }).waitFor();
  expect(await english()).toEqual([]);
  await page.keyboard.press("Escape");
  await page.getByRole("region", { name: other.thread.label }).focus();
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: other.palette.keys }).waitFor();
  expect(await english()).toEqual([]);
  await page.keyboard.press("Escape");
});

test("the other pages say nothing in English", async () => {
  const places: [path: string, text: string][] = [
    ["/templates", other.templates.empty],
    ["/templates/new", other.templates.isPublic(null)],
    ["/usage", other.usage.details],
    ["/settings", other.settings.thisDevice],
    ["/admin", other.admin.local],
    ["/nowhere", other.failure.notFound],
  ];
  for (const [path, text] of places) {
    await page.goto(studio.url + path);
    await page.getByText(text).first().waitFor();
    expect([path, await english()]).toEqual([path, []]);
  }
});

test("whoever is not signed in, or cannot reach the gateway, reads no English", async () => {
  await page.route("**/api/auth/me", (route) => route.abort());
  await page.goto(studio.url);
  await page.getByRole("heading", { name: other.failure.offlineTitle }).waitFor();
  expect(await english()).toEqual([]);
  await page.unroute("**/api/auth/me");
  await page.getByRole("button", { name: other.common.tryAgain }).click();
  await page.getByRole("button", { name: other.common.signOut }).click();
  await page.getByLabel(other.common.email).waitFor();
  expect(await english()).toEqual([]);
  visitor.pardon(REFUSED, AWAY); // a browser says that a request was refused, and that nobody answered
});

test("what is looked for is not what the English page says", () => {
  expect(other.studio.welcome).not.toBe(words.studio.welcome);
  expect(other.composer.characters(2)).toMatch(/^2 \p{Script=Cyrillic}+$/u);
});
