/** A state of the page as axe and the eye find it. */

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

import type { Page } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PICTURES = new URL("./pictures/", import.meta.url).pathname;

async function violations(page: Page): Promise<string[]> {
  if (await page.evaluate(`typeof axe === "undefined"`)) await page.evaluate(AXE); // once for each document
  const rules: unknown = await page.evaluate(`(async () => { const { violations } = await axe.run({ resultTypes: ["violations"] });
    return violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ")); })()`);
  return rules as string[];
}

/** Keeps pictures of the states of a page, and what is wrong with each. */
export class Look {
  readonly findings: Record<string, string[]> = {};

  constructor(
    private readonly page: Page,
    /** What stands behind a state's name in its picture's. */
    private readonly suffix: string,
  ) {
    mkdirSync(PICTURES, { recursive: true });
  }

  async at(name: string): Promise<void> {
    const { page } = this;
    await page.evaluate(() => document.fonts.ready.then(() => undefined));
    await page.screenshot({ path: `${PICTURES}${name} ${this.suffix}.png` });
    const wide = await page.evaluate(() => {
      const box = document.querySelector(".scrolls");
      return document.documentElement.scrollWidth > innerWidth || (box !== null && box.scrollWidth > box.clientWidth);
    });
    this.findings[name] = [...(await violations(page)), ...(wide ? ["wider than the screen"] : [])];
  }

  /** A picture alone, of what runs no scripts. */
  async keep(name: string): Promise<void> {
    await this.page.screenshot({ path: `${PICTURES}${name} ${this.suffix}.png` });
  }

  /** No state had anything wrong with it. */
  get clean(): Record<string, string[]> {
    return Object.fromEntries(Object.keys(this.findings).map((name) => [name, []]));
  }
}
