/** What the model read of a document, in words. */

import { expect, test } from "vitest";

import { excerptsOf } from "../src/features/chat/excerpts";
import { words } from "../src/words";

const long = { name: "a.pdf", characters: 500, of_characters: 2000 };

test.each([
  [{ ...long, unit: "page" as const, whole: 3, of: 40 }, "pages 1 to 3 of 40"],
  [{ ...long, unit: "sheet" as const, whole: 1, of: 2 }, "sheet 1 of 2"],
  [{ ...long, unit: "chapter" as const, whole: 0, partly: true, of: 9 }, "a part of chapter 1 of 9"],
  [{ ...long, unit: "slide" as const, whole: 2, partly: true, of: 9 }, "slides 1 to 2 and a part of slide 3, out of 9,"],
  [long, "25"],
])("an excerpt says where it ends: %j", (excerpt, says) => {
  expect(words.thread.shown(excerpt)).toContain(says);
  expect(words.thread.shown(excerpt)).toContain("a.pdf");
});

test("metadata of another form say nothing", () => {
  for (const shown of [undefined, null, 5, {}, [5, null, {}, { name: "a" }, { name: 5, characters: 1, of_characters: 2 }]])
    expect(excerptsOf({ shown })).toEqual([]);
  expect(excerptsOf(null)).toEqual([]);
  expect(excerptsOf({ shown: [long, 5] })).toEqual([long]);
});
