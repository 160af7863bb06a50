/** What axe finds in a page, one line for each rule. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import type { Page } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function violations(page: Page): Promise<string[]> {
  const found: unknown = await page.evaluate(`(async () => { ${AXE}; const { violations } = await axe.run();
    return violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ")); })()`);
  return found as string[];
}
