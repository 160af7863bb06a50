/** What is too heavy for one block: where it is cut, and that nothing of it is lost. */

import { describe, expect, test } from "vitest";

import { Blocks, type Block } from "../src/components/markdown/blocks";
import { HEAVIEST_LINE, HEAVY, weightOf } from "../src/components/markdown/bounds";

const HEAD = "| a | b |\n|---|---|\n";
const TEXTS: [string, string][] = [
  ["one line", "word ".repeat(40_000)],
  ["one word", "a".repeat(200_000)],
  ["one line of surrogates", "😀".repeat(60_000)],
  ["marks in one line", `${"*_".repeat(8000)}\nafter`],
  ["many lines", "line\n".repeat(5000)],
  ["one item", `- item\n${"  more *of* it\n".repeat(2000)}\nafter`],
  ["items inside one another", Array.from({ length: 300 }, (_, level) => `${"  ".repeat(level)}- level`).join("\n")],
  ["a formula that never ends", `$$\n${"x + y\n".repeat(3000)}`],
  ["an environment that never ends", `\\begin{align}\n${"x + y\n".repeat(3000)}`],
  ["details that never end", `<details>\n${"some *words*\n".repeat(3000)}`],
  ["many columns", `|${"a|".repeat(2000)}\n|${"-|".repeat(2000)}\n${`|${"b|".repeat(2000)}\n`.repeat(5)}\nafter`],
  ["few cells in many columns", `|${"a|".repeat(900)}\n|${"-|".repeat(900)}\n${"|b\n".repeat(300)}\nafter`],
];

function flat(text: string): Block[] {
  return new Blocks().of(text).flat();
}

describe.each(TEXTS)("%s", (_name, text) => {
  test("is all there, and no block of markdown is much heavier than one may be", () => {
    const blocks = flat(text);
    expect(blocks.map((block) => block.text).join("")).toBe(text);
    for (const block of blocks) if (block.kind === "markdown") expect(weightOf(block.text)).toBeLessThan(HEAVY + HEAVIEST_LINE);
    for (const { text: piece } of blocks) expect(piece).not.toMatch(/^[\uDC00-\uDFFF]/);
  });

  test("is cut at the same places however it grows", () => {
    const growing = new Blocks();
    for (let end = 1; end < text.length; end += 1777) growing.of(text.slice(0, end));
    expect(growing.of(text).flat()).toEqual(flat(text));
  });
});

test("a long table goes on under its head", () => {
  const rows = Array.from({ length: 600 }, (_, at) => `| ${at} | x |\n`).join("");
  const blocks = flat(`${HEAD}${rows}\nafter`);
  expect(blocks.length).toBeGreaterThan(2);
  const tables = blocks.slice(0, -1);
  for (const { text } of tables) expect(text.startsWith(HEAD)).toBe(true);
  expect(
    tables
      .map(({ text }) => text.slice(HEAD.length))
      .join("")
      .trim(),
  ).toBe(rows.trim());
  expect(blocks.at(-1)?.text).toBe("after");
});

test("what follows something heavy is markdown again", () => {
  expect(flat(`- a\n${"  b\n".repeat(2000)}\n## After`).at(-1)).toEqual({ kind: "markdown", text: "## After" });
  expect(flat(`${"a".repeat(100_000)}\n\n\`\`\`js\nf()\n\`\`\``).at(-1)).toMatchObject({ kind: "code", text: "f()" });
});
