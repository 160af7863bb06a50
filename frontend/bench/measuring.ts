/** What the benches of the page share: a text, the heap, and how figures are kept. */

import { execSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";

import type { CDPSession } from "playwright-core";

/** Prose, lists, tables, code and formulas, as models mix them. */
export function pieces(count: number): string[] {
  const found: string[] = [];
  const push = (text: string): void => void found.push(...(text.match(/\s*\S+|\s+/g) ?? []));
  for (let part = 0; found.length < count; part++) {
    push(`## Part ${part}\n\n`);
    push("A paragraph with **bold** words, `code` and a [link](https://example.org) that goes on for a while, as paragraphs do. ".repeat(4) + "\n\n");
    push(Array.from({ length: 8 }, (_, at) => `- point ${at} of part ${part}, said in some words\n`).join("") + "\n");
    push("| a | b | c |\n|---|---|---|\n" + "| 1 | two | three |\n".repeat(5) + "\n");
    push("```python\n" + Array.from({ length: 30 }, (_, at) => `def function_${at}(x):\n    return x * ${at}  # a line\n`).join("") + "```\n\n");
    push(`And $x_${part}^2 = ${part}$ is a formula.\n\n`);
  }
  return found.slice(0, count);
}

/** MiB of the page's heap after a collection. */
export async function memory(devtools: CDPSession): Promise<number> {
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  return Math.round(usedSize / 2 ** 20);
}

/** Prints the figures; with PAGE_KEEP set they are written to bench/results/ with date, machine and commit. */
export function keep(scenario: string, figures: Record<string, unknown>): void {
  console.log(JSON.stringify(figures, null, 2));
  if (!process.env["PAGE_KEEP"]) return;
  const date = new Date().toISOString();
  const commit = execSync("git rev-parse --short HEAD").toString().trim();
  const folder = new URL("../../bench/results/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  const about = { scenario, date: `${date.slice(0, 19)}+00:00`, commit, machine: { cpus: cpus().length, node: process.versions.node, system: "Linux" } };
  writeFileSync(new URL(`${date.slice(0, 10)}-${scenario}.json`, folder), JSON.stringify({ ...about, ...figures }, null, 2) + "\n");
}
