/** What people do again and again. */

import type { Page } from "playwright-core";

import { words } from "../src/words";

export async function ask(page: Page, text: string): Promise<void> {
  await page.getByLabel(words.composer.label, { exact: true }).fill(text);
  await page.keyboard.press("Enter");
}

/** The newest reply's text. */
export function answer(page: Page): ReturnType<Page["locator"]> {
  return page.locator(".answer > .markdown").last();
}

/** Waits until the newest reply has that word. */
export async function says(page: Page, word: string): Promise<void> {
  await page.waitForFunction(
    (wanted) => [...document.querySelectorAll(".answer")].at(-1)?.textContent.includes(wanted) === true,
    word,
  );
}

/** Waits until no reply runs any more. */
export async function ended(page: Page): Promise<void> {
  await page
    .locator(".answer")
    .last()
    .getByRole("button", { name: new RegExp(`${words.thread.regenerate}|${words.thread.retry}`) })
    .waitFor();
}
