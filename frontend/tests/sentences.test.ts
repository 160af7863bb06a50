/** The sentences of a reply, tested with the same texts as the gateway's. */

import { readFileSync } from "node:fs";

import fc from "fast-check";
import { expect, test } from "vitest";

import type { Names } from "../src/protocol/marks";
import { Sentences, type Sentence } from "../src/protocol/sentences";

interface Text {
  language: string;
  about: string;
  text: string;
  sentences: (string | Sentence)[];
}

const { names, texts } = JSON.parse(readFileSync(new URL("../../contracts/sentences/texts.json", import.meta.url), "utf8")) as {
  names: Names;
  texts: Text[];
};

function whole(text: string): readonly Sentence[] {
  return new Sentences(names).of(text, false);
}

test.each(texts)("$language: $about", ({ text, sentences }) => {
  expect(whole(text)).toEqual(sentences.map((one) => (typeof one === "string" ? { text: one, written: [one] } : one)));
});

/** Marks, stops and letters in any order. */
const PIECES =
  "Hello|5|ä|é|是|ก|है|Dr|e.g|z. B|😀|\u200d| |\n|\n\n|    |\t|. |.|…|! |?|。|」|“|« |»|\"|'|,|、|`|``|```\n|~~~|$|$$|\\(|\\)|\\[|\\]|\\begin{a}|\\end{a}|[|](|]|[^1]|[1]|]: |![|(|)|(http://a.b/c|||  |-|- |1. |> |# |**|_|~~|<br>|<b|&amp;|&|http://x.y/z.";

test("a text that grows gives the same sentences in any slicing, and never takes one back", () => {
  const piece = fc.oneof(fc.constantFrom(...PIECES.split("|"), "|", "|---|\n"), fc.string({ unit: "binary", maxLength: 3 }));
  const text = fc.oneof(
    fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join("")),
    fc.constantFrom(...texts.map((one) => one.text)),
  );
  fc.assert(
    fc.property(text, fc.array(fc.nat()), (said, cuts) => {
      const live = new Sentences(names);
      let before: readonly Sentence[] = [];
      for (const end of cuts.map((cut) => cut % (said.length + 1)).sort((a, b) => a - b)) {
        const now = live.of(said.slice(0, end), true);
        expect(now.slice(0, before.length)).toEqual(before);
        before = now;
      }
      expect(live.of(said, false)).toEqual(whole(said));
      expect(whole(said).slice(0, before.length)).toEqual(before);
    }),
    { numRuns: 500 },
  );
});

test("a sentence comes out with the first letter of the next one", () => {
  const live = new Sentences(names);
  expect(live.of("It rains.", true)).toEqual([]);
  expect(live.of("It rains. T", true).map(({ text }) => text)).toEqual(["It rains."]);
});

test("a text that turns out to be another one is read from its beginning", () => {
  const live = new Sentences(names);
  live.of("Let me see. I think. S", true);
  expect(live.of("It is four. So", true).map(({ text }) => text)).toEqual(["It is four."]);
});

test("what has no end is cut at a comma or a space", () => {
  const words = "one two three, ".repeat(100);
  const found = whole(words);
  expect(found.length).toBeGreaterThan(3);
  for (const { text } of found) expect(text).toMatch(/^one.*three,$/);
  expect(whole("字".repeat(1000)).map(({ text }) => text.length)).toEqual([401, 401, 198]);
});

test("no more of a text is read than is wanted", () => {
  const live = new Sentences(names);
  expect(live.of("One. Two. Three. Four.", false, 2).map(({ text }) => text)).toEqual(["One.", "Two."]);
  expect(live.of("One. Two. Three. Four.", false, 9).map(({ text }) => text)).toEqual(["One.", "Two.", "Three.", "Four."]);
});
