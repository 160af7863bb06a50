/** The table of texts (e2e/texts) as React writes it; e2e/texts.test.ts looks at it in a browser. */

import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, test } from "vitest";

import { TEXTS } from "../e2e/texts";
import { simplified } from "../e2e/texts/simplified";
import { Markdown } from "../src/components/markdown/Markdown";

const STEP = process.env["QUICK"] === undefined ? 1 : 7;

function shown(text: string, growing: boolean): string {
  return simplified(renderToStaticMarkup(<Markdown text={text} growing={growing} />));
}

test("the table has 120 texts in 14 scripts and 60 constructs", () => {
  const different = (values: string[]): number => new Set(values).size;
  expect(TEXTS.length).toBeGreaterThanOrEqual(120);
  expect(different(TEXTS.map(({ script }) => script))).toBeGreaterThanOrEqual(14);
  expect(different(TEXTS.map(({ construct }) => construct))).toBeGreaterThanOrEqual(60);
});

describe.each(TEXTS)("$script: $construct", ({ text, expects }) => {
  test("is what its readers expect", () => {
    expect(shown(text, false)).toBe(expects);
  });

  test("keeps its words in every beginning, and never shows a part of an allowed tag", () => {
    for (let end = 1; end <= text.length; end += STEP) {
      const half = shown(text.slice(0, end), true);
      expect(half).not.toMatch(/<\/?(?:su|kb|det|summ|br)$/);
    }
  });
});
