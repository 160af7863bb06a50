/** No page and no state that a screen reader or a weak eye stumbles over. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Studio } from "./studio";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let studio: Studio;

beforeAll(async () => {
  studio = await Studio.open({ tokens: 100, rate: 30 });
});

afterAll(async () => {
  await studio.close();
});

async function violations(page: Page): Promise<string[]> {
  const found: unknown = await page.evaluate(`(async () => { ${AXE}; const { violations } = await axe.run();
    return violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ")); })()`);
  return found as string[];
}

describe.each([
  ["light", 1280],
  ["dark", 1280],
  ["light", 360],
  ["dark", 360],
] as const)("%s at %i pixels", (colorScheme, width) => {
  test("every state is without a violation", async () => {
    const visitor = await studio.newcomer({ colorScheme, viewport: { width, height: 740 } });
    const { page } = visitor;
    const states: Record<string, string[]> = { empty: await violations(page) };
    await page.getByLabel("Message").fill("Tell me a story");
    await page.keyboard.press("Enter");
    await page.locator(".answer .markdown :not(:empty)").first().waitFor();
    states["running"] = await violations(page);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Regenerate" }).waitFor();
    states["stopped"] = await violations(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    await page.goto(`${studio.url}/nowhere`);
    await page.getByText("Nothing is here").waitFor();
    states["not found"] = await violations(page);
    await page.goto(`${studio.url}/sign-in`);
    await page.getByLabel("E-mail").waitFor();
    states["sign-in"] = await violations(page);
    expect(states).toEqual({ empty: [], running: [], stopped: [], "not found": [], "sign-in": [] });
    await visitor.close();
  });
});
