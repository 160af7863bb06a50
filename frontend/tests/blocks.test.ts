import { describe, expect, test } from "vitest";

import { Blocks, GROUP, type Block } from "../src/components/markdown/blocks";

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

function texts(groups: Block[][]): string[] {
  return groups.flat().map((block) => (block.kind === "code" ? `${block.info}:${block.text}` : block.text.trim()));
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
      const kept = new Blocks()
        .of(prefix)
        .flat()
        .map((block) => block.text)
        .join("");
      expect(prefix.replace(/[`~\n]|python/g, "")).toBe(kept.replace(/[`~\n]|python/g, ""));
    }
  });

  test("that are settled stay in the same groups, however much comes after them", () => {
    const growing = new Blocks();
    const paragraphs = Array.from({ length: 3 * GROUP }, (_, at) => `Paragraph ${at}\n\n`);
    const before = growing.of(paragraphs.slice(0, GROUP + 2).join(""));
    const after = growing.of(paragraphs.join(""));
    expect(after.map((group) => group.length)).toEqual([GROUP, GROUP, GROUP]);
    expect(after[0]).toBe(before[0]);
    expect(after.flat()).toEqual(new Blocks().of(paragraphs.join("")).flat());
  });

  test("of code in a list, indented or not, end where the code ends", () => {
    const list = "1. Install:\n```bash\nnpm i\n\nnpm start\n```\n2. Then open it.\n\nDone.";
    expect(texts(new Blocks().of(list))).toEqual(["1. Install:", "bash:npm i\n\nnpm start", "2. Then open it.", "Done."]);
    const indented = "- Install:\n\n  ```bash\n  npm i\n\nnot indented\n  ```\n- Then\n\nDone.";
    expect(texts(new Blocks().of(indented))).toEqual(["- Install:\n\n  ```bash\n  npm i\n\nnot indented\n  ```\n- Then", "Done."]);
  });

  test("of a long list are cut between its items, the numbers go on", () => {
    const item = (at: number): string => `${at}. ${"word ".repeat(40)}\n   - inside\n`;
    const list = Array.from({ length: 60 }, (_, at) => item(at + 1)).join("");
    const growing = new Blocks();
    for (let end = 0; end < list.length; end += 97) growing.of(list.slice(0, end));
    const cut = growing.of(list).flat();
    expect(cut.length).toBeGreaterThan(2);
    expect(cut.map(({ text }) => text).join("")).toBe(list);
    for (const { text } of cut) expect(text).toMatch(/^\d+\. /);
  });

  test("a text that is another one starts over", () => {
    const blocks = new Blocks();
    blocks.of("one\n\ntwo\n\nthree");
    expect(texts(blocks.of("four\n\nfive"))).toEqual(["four", "five"]);
  });
});
