/** Settings as people write them in the options. */

import { expect, test } from "vitest";

import { escaped, lines, schemaIn } from "../src/features/options/written";

test("texts stand one on a line, and any text comes back as it was", () => {
  expect(lines("END\n\nUser:\n")).toEqual(["END", "User:"]);
  const texts = ["END", "\n\n", "a\\nb", "\\", "two\nlines", " "];
  expect(lines(texts.map(escaped).join("\n"))).toEqual(texts);
  expect(texts.map(escaped).every((text) => !text.includes("\n"))).toBe(true);
});

test("only a JSON object is a schema", () => {
  expect(schemaIn('{"type": "object"}')).toEqual({ type: "object" });
  for (const other of ["", "{", "[]", "null", "1", '"text"', "{'a': 1}"]) expect(schemaIn(other)).toBe(null);
});
