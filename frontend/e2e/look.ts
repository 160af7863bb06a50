/** A state of the page as axe and the eye find it. */

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

import type { Page } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PICTURES = new URL("./pictures/", import.meta.url).pathname;
/** Pictures are for the eye; no test reads one. */
const KEEPS = process.env["PICTURES"] !== undefined;

/** Colours, size and forced colours, which change nothing of what the page is made of. */
export interface Appearance {
  colorScheme: "light" | "dark";
  density?: "comfortable" | "compact";
  forcedColors?: "none" | "active";
}

export const LIGHT = { colorScheme: "light" } as const;
export const DARK = { colorScheme: "dark" } as const;
export const COMPACT = { density: "compact" } as const;
export const FORCED = { forcedColors: "active" } as const;

/** The rules that ask how something looks; the others give the same answer in every appearance. */
const OF_APPEARANCE = ["color-contrast", "link-in-text-block", "scrollable-region-focusable"];

async function violations(page: Page, only?: readonly string[]): Promise<string[]> {
  if (await page.evaluate(`typeof axe === "undefined"`)) await page.evaluate(AXE); // once for each document
  const options = JSON.stringify({ resultTypes: ["violations"], ...(only && { runOnly: { type: "rule", values: only } }) });
  const rules: unknown = await page.evaluate(`(async () => { const { violations } = await axe.run(${options});
    return violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ")); })()`);
  return rules as string[];
}

async function appear(page: Page, { colorScheme, density = "comfortable", forcedColors = "none" }: Appearance): Promise<void> {
  await page.emulateMedia({ colorScheme, forcedColors });
  await page.evaluate((chosen) => {
    document.documentElement.dataset["density"] = chosen;
  }, density);
}

/** A page is in this appearance from its next document on. */
export async function prefer(page: Page, { density = "comfortable" }: Appearance): Promise<void> {
  await page.evaluate((chosen) => localStorage.setItem("preferences", JSON.stringify({ density: chosen })), density);
}

/** Keeps pictures of the states of a page, and what is wrong with each. */
export class Look {
  readonly findings: Record<string, string[]> = {};

  constructor(
    private readonly page: Page,
    /** What stands behind a state's name in its picture's. */
    private readonly suffix: string,
    /** Each state is looked at in all of them. The page is, and stays, in the first one. */
    private readonly appearances: readonly Appearance[] = [],
  ) {
    if (KEEPS) mkdirSync(PICTURES, { recursive: true });
  }

  async at(name: string): Promise<void> {
    this.findings[name] = await this.problems(name, this.suffix);
    for (const appearance of this.appearances.slice(1)) {
      await appear(this.page, appearance);
      const label = Object.values(appearance).join(" ");
      const problems = await this.problems(name, `${this.suffix} ${label}`, OF_APPEARANCE);
      this.findings[name].push(...problems.map((one) => `${label}: ${one}`));
    }
    const [first] = this.appearances;
    if (first !== undefined && this.appearances.length > 1) await appear(this.page, first);
  }

  private async problems(name: string, suffix: string, only?: readonly string[]): Promise<string[]> {
    const { page } = this;
    await page.evaluate(async () => {
      await document.fonts.ready;
      for (let frames = 0; frames < 2; frames++) await new Promise((painted) => requestAnimationFrame(painted));
    });
    await this.picture(name, suffix);
    const wide = await page.evaluate(() => {
      const boxes = [...document.querySelectorAll(".scrolls, dialog")].filter((box) => box.scrollWidth > box.clientWidth);
      return [...(document.documentElement.scrollWidth > innerWidth ? ["the page"] : []), ...boxes.map((box) => box.className)];
    });
    return [...(await violations(page, only)), ...wide.map((box) => `wider than its frame: ${box}`)];
  }

  private async picture(name: string, suffix: string): Promise<void> {
    if (KEEPS) await this.page.screenshot({ path: `${PICTURES}${name} ${suffix}.png` });
  }

  /** A picture alone, of what runs no scripts. */
  async keep(name: string): Promise<void> {
    await this.picture(name, this.suffix);
  }

  /** No state had anything wrong with it. */
  get clean(): Record<string, string[]> {
    return Object.fromEntries(Object.keys(this.findings).map((name) => [name, []]));
  }
}
