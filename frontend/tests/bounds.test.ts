import { describe, expect, test } from "vitest";

import { bounded } from "../src/components/markdown/bounds";

describe("what people write is left alone", () => {
  test.each([
    "> > > - 1. a quote with lists",
    "- - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - -",
    "* * *",
    "_".repeat(2000),
    "> ".repeat(24) + "as deep as that",
    Array.from({ length: 20 }, (_, level) => `${"  ".repeat(level)}- level`).join("\n"),
    Array.from({ length: 500 }, (_, at) => `- **term ${at}**: a_b and [x](y)`).join("\n"),
    `| a | b | c |\n|:-:|---|--:|\n${"| `a_b` | *c* | [d](e) |\n".repeat(500)}`,
    Array.from({ length: 500 }, (_, at) => `${at + 1}. **term** and *more*`).join("\n"),
    `a | b\n--|--\n${"*a* | **b**\n".repeat(500)}`,
    "# *a*\n".repeat(500),
    "a *b* ".repeat(200),
  ])("%j", (text) => {
    expect(bounded(text)).toBe(text);
  });
});

describe("beyond the bounds the marks are escaped, and all of the text is still there", () => {
  test.each(["> ", ">", "- ", "1. ", "+ ", "> - ", "  10) "])("levels of %j on one line", (mark) => {
    const text = `${mark.repeat(300)}end`;
    const kept = bounded(text);
    expect(kept.match(/\\/g)).toHaveLength(1);
    expect(kept.replaceAll("\\", "")).toBe(text);
  });

  test.each(["*a", "**a ", "_a ", "~~a", "[", "![", "]", "a <b ", "a <!-- "])("%j in one paragraph", (mark) => {
    const text = mark.repeat(2000);
    const kept = bounded(text);
    expect(kept.indexOf("\\")).toBeGreaterThan(0);
    expect(kept.replaceAll("\\", "")).toBe(text);
  });

  test.each(["*a **b\n", "#*a **b\n", "|*a **b\n", "2. *a **b\n", "    - *a **b\n", "> *a **b\n"])(
    "%j in one paragraph of many lines",
    (line) => {
      const text = `x\n${line.repeat(2000)}`;
      expect(bounded(text)).toContain("\\*");
      expect(bounded(text).replaceAll("\\", "")).toBe(text);
    },
  );

  test("lists by indent go on at one level", () => {
    const text = Array.from({ length: 200 }, (_, level) => `${"  ".repeat(level)}- ${level}`).join("\n");
    expect(
      Math.max(
        ...bounded(text)
          .split("\n")
          .map((line) => line.indexOf("-")),
      ),
    ).toBe(64);
  });
});

test("a very long text takes time by its length only", () => {
  const text = "> *a* [b](c) ".repeat(200_000);
  expect(bounded(text).replaceAll("\\", "")).toBe(text); // a quadratic scan would run into the test's time limit
});
