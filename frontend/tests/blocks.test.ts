import { describe, expect, test } from "vitest";

import { Blocks, type Block } from "../src/components/markdown/blocks";

const TEXT = [
  "# A title",
  "",
  "A paragraph\nof two lines.",
  "",
  "- one",
  "",
  "- two",
  "",
  "  more of two",
  "",
  "After the list",
  "```python",
  "def f():",
  "",
  "    return '```'",
  "```",
  "$$",
  "",
  "x",
  "$$",
  "",
  "~~~~",
  "```",
  "~~~~",
  "| a | b |",
  "|---|---|",
  "| 1 | 2 |",
  "",
  "The end",
].join("\n");

function texts(blocks: Block[]): string[] {
  return blocks.map((block) => (block.kind === "code" ? `${block.language}:${block.text}` : block.text.trim()));
}

describe("blocks", () => {
  test("of a whole text", () => {
    expect(texts(new Blocks().of(TEXT))).toEqual([
      "# A title",
      "A paragraph\nof two lines.",
      "- one\n\n- two\n\n  more of two",
      "After the list",
      "python:def f():\n\n    return '```'",
      "$$\n\nx\n$$",
      ":```",
      "| a | b |\n|---|---|\n| 1 | 2 |",
      "The end",
    ]);
  });

  test.each([1, 2, 3, 5, 11])("are the same however the text grows, %i characters at a time", (step) => {
    const growing = new Blocks();
    for (let end = 0; end < TEXT.length; end += step) {
      const prefix = TEXT.slice(0, end);
      expect(growing.of(prefix)).toEqual(new Blocks().of(prefix));
    }
    expect(growing.of(TEXT)).toEqual(new Blocks().of(TEXT));
  });

  test("hold every character, apart from fences", () => {
    for (const end of [10, 60, 95, TEXT.length]) {
      const prefix = TEXT.slice(0, end);
      const kept = new Blocks().of(prefix).map((block) => block.text).join("");
      expect(prefix.replace(/[`~\n]|python/g, "")).toBe(kept.replace(/[`~\n]|python/g, ""));
    }
  });

  test("a text that is another one starts over", () => {
    const blocks = new Blocks();
    blocks.of("one\n\ntwo\n\nthree");
    expect(texts(blocks.of("four\n\nfive"))).toEqual(["four", "five"]);
  });
});
