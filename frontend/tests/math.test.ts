import { describe, expect, test } from "vitest";

import { cutOpen, withMarks } from "../src/components/markdown/math";

describe("formulas are marked the same way, however they are written", () => {
  test.each([
    ["$x^2$", "$$x^2$$"],
    ["so $a$, $b$ and \\(c\\) hold", "so $$a$$, $$b$$ and $$c$$ hold"],
    ["\\[ x \\]", "$$\nx\n$$"],
    ["$$x$$", "$$\nx\n$$"],
    ["it is $$x$$ here", "it is $$x$$ here"],
    ["it is \\[ x\n+ y \\] here", "it is $$x + y$$ here"],
    ["- item\n  \\[\n  x\n  \\]", "- item\n  $$\n  x\n  $$"],
    ["$\\$5$ is money in a formula", "$$\\$5$$ is money in a formula"],
    ["$S = \\{1,2\\}$", "$$S = \\{1,2\\}$$"],
    ["$50\\%$", "$$50\\%$$"],
    ["$ \\frac{1}{a} $", "$$\\frac{1}{a}$$"],
    ["\\ce{H2O}", "$$\\ce{H2O}$$"],
    ["\\begin{align}\na\n\\end{align}", "$$\n\\begin{align}\na\n\\end{align}\n$$"],
    ["| a |\n|---|\n| $|x|$ |", "| a |\n|---|\n| $$\\vert x\\vert $$ |"],
  ])("%j", (written, marked) => {
    expect(withMarks(written)).toBe(marked);
  });
});

describe("what is none stays as it is", () => {
  test.each([
    "It costs $5 or $10.",
    "from $5 to $10 each",
    "a $ alone, and $ two",
    "`$x$` and ``a ` $y$`` are code",
    "```\n$x$\n```",
    "\\$5 and \\$6",
    "no signs at all",
    "https://example.org/?a=$b&c=$d",
    "US$5 or CA$7",
    "I have $5 and you have 10$.",
    "costs $ 5 and $ 10",
    "${a}-${b}",
    "\\begin{align} without an end",
  ])("%j", (text) => {
    expect(withMarks(text)).toBe(text);
  });

  test("two dollars that never end are told to the parser as text", () => {
    expect(withMarks("a $$ b")).toBe("a \\$\\$ b");
  });
});

describe("a formula that has no end yet is cut off", () => {
  test.each([
    ["So $$x = \\frac{1}", "So ", "$$x = \\frac{1}"],
    ["So \\[ x", "So ", "\\[ x"],
    ["So \\( x", "So ", "\\( x"],
    ["So \\( x \\) and \\[ y \\]", "So \\( x \\) and \\[ y \\]", ""],
    ["`$$` is code", "`$$` is code", ""],
  ])("%j", (text, whole, open) => {
    expect(cutOpen(text)).toEqual([whole, open]);
  });
});

test.each(["$$a ", "\\[a ", "\\(a ", "$a $", "` `` ", "\\", "\\ce{", "\\begin{align}\n", "$ = "])(
  "%j again and again does not take for ever",
  (piece) => {
    const text = piece.repeat(40_000);
    expect(withMarks(text).length).toBeGreaterThan(0); // a quadratic scan would run into the test's time limit
    expect(cutOpen(text).join("")).toBe(text);
  },
);
