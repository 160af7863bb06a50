/** The studio below a path of a host that has another program at its root. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { words } from "../src/words";
import { ask, ended, says } from "./manners";
import { Studio } from "./studio";

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 30, rate: 200, below: "/studio" });
});

afterAll(async () => {
  await studio.close();
});

test("below a path one signs up, writes, reloads, follows in a second tab, downloads and signs out, and the neighbour keeps what is its own", async () => {
  const visitor = await studio.registered();
  const { page } = visitor;
  const origin = new URL(studio.url).origin;
  const outside: string[] = [];
  page.on("request", (request) => {
    const { pathname, protocol } = new URL(request.url());
    if (protocol === "http:" && !pathname.startsWith("/studio/")) outside.push(pathname);
  });
  await page.evaluate(() => {
    localStorage.setItem("neighbour", "kept");
    sessionStorage.setItem("neighbour", "kept");
  });
  await ask(page, "First");
  await says(page, "word29");
  await ended(page);
  expect(new URL(page.url()).pathname).toMatch(/^\/studio\/c\/\d+$/);
  await page.reload();
  await says(page, "word29");

  const second = await visitor.tab(new URL(page.url()).pathname.replace("/studio", ""));
  await says(second, "word29");
  await ask(page, "Second");
  await expect.poll(() => second.getByText("Second").count()).toBeGreaterThan(0);
  await ended(page);
  await second.close();

  for (const title of [words.pages.templates, words.pages.maze, words.pages.lab, words.pages.usage, words.pages.settings]) {
    await page.goto(`${studio.url}/${title === words.pages.templates ? "templates" : title.toLowerCase()}`);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    expect(new URL(page.url()).pathname).toMatch(/^\/studio\//);
  }
  await page.goto(`${studio.url}/templates`);
  expect(await page.locator("a[download]").first().getAttribute("href")).toBe("/studio/api/templates/export");

  const cookies = (await visitor.context.cookies()).map(({ path }) => path);
  expect(new Set(cookies)).toEqual(new Set(["/studio"]));
  await page.goto(`${studio.url}/`);
  await page.getByRole("button", { name: words.common.signOut }).click();
  await page.getByLabel(words.common.password).waitFor();
  expect(new URL(page.url()).pathname).toBe("/studio/sign-in");
  expect(await page.evaluate(() => [localStorage.getItem("neighbour"), sessionStorage.getItem("neighbour")])).toEqual([
    "kept",
    "kept",
  ]);
  expect(outside).toEqual([]);

  await page.goto(origin);
  expect(await page.title()).toBe("Another program");
  visitor.pardon(/401|favicon/);
  await visitor.close();
});

test("opened past the proxy, the page leads to where it belongs", async () => {
  const page = await studio.blank();
  await page.goto(`${readFileSync(join(studio.folder, "url"), "utf8").trim()}/c/17`);
  await page.getByLabel(words.common.password).waitFor();
  expect(page.url()).toMatch(/\/studio\/sign-in\?to=%2Fc%2F17$/);
  await page.context().close();
});
