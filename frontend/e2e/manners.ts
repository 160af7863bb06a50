/** What people do again and again. */

import type { Page } from "playwright-core";

import { words } from "../src/words";

export async function ask(page: Page, text: string): Promise<void> {
  await page.getByLabel(words.composer.label, { exact: true }).fill(text);
  await page.keyboard.press("Enter");
}

/** From now on a notice with a button stays until somebody closes it: on a busy machine its eight seconds are soon over. */
export async function noticesStay(page: Page): Promise<void> {
  await page.evaluate(() => {
    const later = globalThis.setTimeout;
    Object.assign(globalThis, { setTimeout: (run: () => void, ms?: number) => (ms === 8_000 ? 0 : later(run, ms)) });
  });
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
    { polling: 100 }, // not in each frame: the text may be long
  );
}

/** Waits until no reply runs any more. */
export async function ended(page: Page): Promise<void> {
  await page
    .locator(".answer")
    .last()
    .locator("footer") // roles of a whole text take long, and the page stands still meanwhile
    .getByRole("button", { name: new RegExp(`${words.thread.regenerate}|${words.thread.retry}`) })
    .waitFor();
}

/** A request as the page would make it, by the person of this page. */
export async function request<T>(page: Page, method: string, path: string, body?: object): Promise<T> {
  return page.evaluate(
    async ({ method, path, body }) => {
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
      if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
      return (await answer.json()) as T;
    },
    { method, path, body },
  );
}
