/** What the benches of the page share: a text, the heap, and how figures are kept. */

import { execSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { CDPSession, Page } from "playwright-core";
import { onTestFinished } from "vitest";

import { Studio } from "../e2e/studio";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const COMMIT = said("git rev-parse --short HEAD"); // before anything is measured

/** Opens a studio for the running bench, and closes it when the bench ends, even with a failure. */
export async function openStudio(settings: Parameters<typeof Studio.open>[0]): Promise<Studio> {
  const studio = await Studio.open(settings);
  onTestFinished(() => studio.close());
  return studio;
}

/** Prose, lists, tables, code and formulas, as models mix them. */
export function pieces(count: number): string[] {
  const found: string[] = [];
  const push = (text: string): void => void found.push(...(text.match(/\s*\S+|\s+/g) ?? []));
  for (let part = 0; found.length < count; part++) {
    push(`## Part ${part}\n\n`);
    push(
      "A paragraph with **bold** words, `code` and a [link](https://example.org) that goes on for a while, as paragraphs do. ".repeat(
        4,
      ) + "\n\n",
    );
    push(Array.from({ length: 8 }, (_, at) => `- point ${at} of part ${part}, said in some words\n`).join("") + "\n");
    push("| a | b | c |\n|---|---|---|\n" + "| 1 | two | three |\n".repeat(5) + "\n");
    push(
      "```python\n" +
        Array.from({ length: 30 }, (_, at) => `def function_${at}(x):\n    return x * ${at}  # a line\n`).join("") +
        "```\n\n",
    );
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

/** Frames a second while something is done, by the time between them. */
export async function framesWhile(page: Page, does: () => Promise<void>): Promise<{ a_second: number; longest_ms: number }> {
  await page.evaluate(() => {
    const frames: number[] = [];
    Object.assign(window, { frames });
    const frame = (now: number): void => {
      frames.push(now);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  await does();
  return page.evaluate(() => {
    const { frames } = window as unknown as { frames: number[] };
    const gaps = frames.slice(1).map((now, at) => now - (frames[at] ?? now));
    const seconds = ((frames.at(-1) ?? 0) - (frames[0] ?? 0)) / 1000;
    return { a_second: Math.round(gaps.length / seconds), longest_ms: Math.round(Math.max(...gaps)) };
  });
}

function said(command: string): string {
  return execSync(command, { cwd: ROOT }).toString().trim();
}

export interface Result {
  scenario: string;
  /** What it answers, in a sentence. */
  question: string;
  /** The command that measures it again. */
  repeat: string;
  settings: Record<string, number>;
  figures: Record<string, unknown>;
}

/** Prints the figures; with PAGE_KEEP set they are written to bench/results/, in the form that bench/report.py reads. */
export function keep({ figures, ...about }: Result): void {
  console.log(JSON.stringify(figures, null, 2));
  if (!process.env["PAGE_KEEP"]) return;
  const now = new Date().toISOString().slice(0, 19);
  const machine = {
    cpus: cpus().length,
    processor: cpus()[0]?.model.split(" ").slice(0, 2).join(" "),
    python: said(".venv/bin/python -V").replace("Python ", ""),
    node: process.versions.node,
    system: release(),
  };
  const result = { ...about, date: `${now}+00:00`, commit: COMMIT, machine, contestants: { LAM: figures } };
  writeFileSync(
    join(ROOT, "bench", "results", `${now.slice(0, 10)}-${about.scenario.replaceAll(" ", "-")}.json`),
    JSON.stringify(result, null, 1) + "\n",
  );
}
