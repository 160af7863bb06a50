import { describe, expect, test } from "vitest";

import { asCsv, asMarkdown, asTsv } from "../src/components/markdown/tables";

describe("a table as text", () => {
  const rows = [["a", "b"], ['say "hi", you', "one\ntwo"], ["tab\there"]];

  test("with tabs has no tab and no line end inside of a cell", () => {
    expect(asTsv(rows)).toBe('a\tb\nsay "hi", you\tone two\ntab here\t');
  });

  test("with commas quotes what needs it", () => {
    expect(asCsv(rows)).toBe('a,b\r\n"say ""hi"", you","one\ntwo"\r\ntab\there,\r\n');
  });

  test("as markdown keeps the columns' sides", () => {
    expect(asMarkdown([["a", "b", "c"], ["1"]], ["left", "right", null])).toBe("| a | b | c |\n| :-- | --: | --- |\n| 1 |  |  |\n");
  });

  test("without rows is empty", () => {
    expect([asTsv([]), asCsv([])]).toEqual(["", ""]);
  });
});
