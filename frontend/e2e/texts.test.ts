/** The table of texts in a real browser: what their readers expect, whole and grown character by character. */

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { GrowingPage } from "./growing-page";
import { TEXTS, type Text } from "./texts";
import { simplified } from "./texts/simplified";

let growing: GrowingPage;
let warning: GrowingPage;

beforeAll(async () => {
  growing = await GrowingPage.open([1280, 360]);
  warning = await GrowingPage.open([1280], true);
});

afterAll(async () => {
  await growing.close();
  await warning.close();
});

async function problemsOf(page: Page, { script, construct, text, expects, isRightToLeft }: Text): Promise<string[]> {
  const { faults, html, whole, direction } = await growing.grow(page, text, 1);
  const found = [...faults];
  if (simplified(html) !== expects) found.push(`grown it is ${simplified(html)}, not ${expects}`);
  if (simplified(whole) !== expects) found.push(`whole it is ${simplified(whole)}, not ${expects}`);
  if (direction !== (isRightToLeft === true ? "rtl" : "ltr")) found.push(`it is read ${direction}`);
  return found.map((problem) => `${script}, ${construct}: ${problem}`);
}

test("each text is what its readers expect, however it came", async () => {
  const found: string[] = [];
  const read = async (page: Page): Promise<void> => {
    for (const text of TEXTS) found.push(...(await problemsOf(page, text)));
  };
  const readWarnings = async (page: Page): Promise<void> => {
    for (const { text } of TEXTS) await warning.grow(page, text, Math.ceil(text.length / 3));
  };
  await Promise.all([...growing.pages.map(read), ...warning.pages.map(readWarnings)]);
  expect([...found, ...growing.complaints(), ...warning.complaints()]).toEqual([]);
});
