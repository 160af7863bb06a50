/** Colours and density: chosen in the settings, kept by the device, and there in the first paint. */

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { words } from "../src/words";
import { ask, ended } from "./manners";
import { NO_PAGE, Studio } from "./studio";

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 30, rate: 500 });
});

afterAll(async () => {
  await studio.close();
});

async function height(page: Page, selector: string): Promise<number> {
  return (await page.locator(selector).first().boundingBox())?.height ?? 0;
}

test("the compact density makes rows lower, text smaller, and is there again after a reload", async () => {
  const visitor = await studio.newcomer();
  const { page } = visitor;
  await ask(page, "One");
  await ended(page);
  const before = { row: await height(page, ".sessions li"), reply: await height(page, ".answer") };

  await page.getByRole("link", { name: words.pages.settings }).click();
  await page.getByRole("radio", { name: words.settings.densities.compact }).check();
  await page.goBack();
  await page.locator(".answer").waitFor();
  expect(await height(page, ".sessions li")).toBeLessThan(before.row);
  expect(await height(page, ".answer")).toBeLessThan(before.reply);

  await page.reload();
  await page.locator(".answer").waitFor();
  expect(await height(page, ".sessions li")).toBeLessThan(before.row);
  await visitor.close();
});

test.each([1280, 360])("in the compact density every target is still 24 pixels high or more, at %i pixels", async (width) => {
  const visitor = await studio.newcomer({ path: NO_PAGE, viewport: { width, height: 740 } });
  const { page } = visitor;
  await page.evaluate(() => localStorage.setItem("preferences", JSON.stringify({ density: "compact" })));
  await page.goto(studio.url);
  await ask(page, "One");
  await ended(page);
  const low = await page
    .locator("button:visible:not(.skip), input:visible, textarea:visible")
    .evaluateAll((all) => all.filter((one) => one.getBoundingClientRect().height < 24).map((one) => one.outerHTML));
  expect(low).toEqual([]);
  await visitor.close();
});

test("chosen colours win over those of the system", async () => {
  const visitor = await studio.newcomer({ colorScheme: "light" });
  const { page } = visitor;
  const ground = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.goto(`${studio.url}/settings`);
  await page.getByRole("radio", { name: words.settings.themes.dark }).check();
  expect(await ground()).not.toBe(light);
  await page.reload();
  await page.getByRole("radio", { name: words.settings.themes.dark }).waitFor();
  expect(await ground()).not.toBe(light);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.getByRole("radio", { name: words.settings.themes.light }).check();
  expect(await ground()).toBe(light);
  await visitor.close();
});
