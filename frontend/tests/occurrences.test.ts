/** Where a text is found in another one. */

import { expect, test } from "vitest";

import { plain } from "../src/features/chat/plain";
import { folded, occurrences } from "../src/protocol/occurrences";

function found(text: string, question: string): string[] {
  return occurrences(folded(text), question).map(([start, end]) => text.slice(start, end));
}

test.each([
  ["Straße, STRASSE", "strasse", ["Straße", "STRASSE"]],
  ["Café au lait, cafe\u0301 noir", "cafe", ["Café", "cafe\u0301"]],
  ["aaa", "aa", ["aa"]],
  ["漢字と漢字", "漢字", ["漢字", "漢字"]],
  ["👩‍👩‍👧 a 👩‍👩‍👧", "a", ["a"]],
  ["שָׁלוֹם", "שלום", ["שָׁלוֹם"]],
  ["İstanbul", "istanbul", ["İstanbul"]],
  ["nothing", "", []],
  ["nothing", "  ", []],
  ["a.b", ".", ["."]],
])("%s, looked through for %s", (text, question, expected) => {
  expect(found(text, question)).toEqual(expected);
});

test("what marks up a reply is not looked through, its text is", () => {
  expect(plain("The **need**le\n\n- one\n- two `three`\n\n[link](http://example.org)").split("\n").filter(Boolean)).toEqual([
    "The needle",
    "one",
    "two three",
    "link",
  ]);
});
