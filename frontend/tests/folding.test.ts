/** The table of questions that the gateway's search is tested with. */

import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { finder, fold } from "../src/protocol/folding";

interface Case {
  about: string;
  text: string;
  question: string;
}

const TABLE = JSON.parse(readFileSync(new URL("../../contracts/search.json", import.meta.url), "utf8")) as { matches: Case[] };

test.each(TABLE.matches)("a title is found as the gateway finds it: $about", ({ text, question }) => {
  expect(finder(question)(text)).toBe(true);
});

test("every word must be in the title", () => {
  expect(finder("gpu rice")("使用GPU训练")).toBe(false);
  expect(finder("")("anything")).toBe(true);
});

test("folding twice changes nothing", () => {
  for (const { text } of TABLE.matches) expect(fold(fold(text))).toBe(fold(text));
});
