/** Numbers, dates and counts as a language writes them, and the rule that keeps sentences in the catalogue. */

import { Linter } from "eslint";
import { expect, test } from "vitest";

import { early, sentences } from "../scripts/sentences.js";
import { formats } from "../src/words/formats";

test("numbers, shares and lists follow the language", () => {
  const [english, german] = [formats("en-GB", { justNow: "just now" }), formats("de", { justNow: "gerade eben" })];
  expect([english.number(12_345.678, 1), german.number(12_345.678, 1)]).toEqual(["12,345.7", "12.345,7"]);
  expect([english.percent(0.614), german.percent(0.614)]).toEqual(["61%", "61\u00a0%"]);
  expect([english.list(["a", "b", "c"]), german.list(["a", "b", "c"])]).toEqual(["a, b and c", "a, b und c"]);
});

test("a count takes the form that the language wants for it", () => {
  const polish = formats("pl", { justNow: "" });
  const said = [1, 2, 5, 22].map((count) => polish.plural(count, { one: "plik", few: "pliki", many: "plików", other: "pliku" }));
  expect(said).toEqual(["1 plik", "2 pliki", "5 plików", "22 pliki"]);
  expect(formats("en-GB", { justNow: "" }).plural(2_000, { one: "reply", other: "replies" })).toBe("2,000 replies");
});

test("a form that says its count itself stands alone", () => {
  const arabic = formats("ar", { justNow: "", alone: ["one", "two"] });
  const replies = { zero: "رد", one: "رد واحد", two: "ردّان", few: "ردود", many: "ردًّا", other: "رد" };
  const said = [0, 1, 2, 3, 11, 100].map((count) => arabic.plural(count, replies));
  expect(said).toEqual(["0 رد", "رد واحد", "ردّان", "3 ردود", "11 ردًّا", "100 رد"]);
});

test("a time has as many digits as mean something", () => {
  const { duration } = formats("en-GB", { justNow: "" });
  expect([0.2, 12, 994, 1_240, 9_949, 34_400, 125_000].map(duration)).toEqual([
    "< 1 ms",
    "12 ms",
    "994 ms",
    "1.2 s",
    "9.9 s",
    "34 s",
    "2 min 5 s",
  ]);
});

test("a day is the same day wherever it is read, and times become distances", () => {
  const { day, ago } = formats("en-GB", { justNow: "just now" });
  expect(day("2026-11-24")).toBe("24 Nov 2026");
  const now = Date.parse("2026-11-24T12:00:00Z");
  const said = ["2026-11-24T11:59:30Z", "2026-11-24T11:58:00Z", "2026-11-24T09:00:00Z", "2026-11-23T11:00:00Z"].map((time) =>
    ago(time, now),
  );
  expect(said).toEqual(["just now", "2 minutes ago", "3 hours ago", "yesterday"]);
});

const STRAY = [
  "<p>Left here</p>",
  '<p>{"Left here"}</p>',
  '<p>{who ? "Left here" : null}</p>',
  "<p>{who && `Left ${who}`}</p>",
  '<input aria-label="Left here" />',
  '<input placeholder={who ?? "Left here"} />',
  "<p title={`Left ${who}`} />",
  '({ title: "Left here", run: who })',
  '({ label: who ? "Left here" : who })',
  "notices.show(`Left ${who}`)",
];
const FINE = [
  '<p className="muted">{who}</p>',
  '<input name="email" type="email" />',
  "<p>{who} · 1/2</p>",
  "<p id={`p-${who}`} />",
];

function finder(rules: readonly object[]): (code: string) => boolean {
  const languageOptions = { parserOptions: { ecmaFeatures: { jsx: true } } };
  return (code) =>
    new Linter().verify(code, { languageOptions, rules: { "no-restricted-syntax": ["error", ...rules] } }).length > 0;
}

test("a sentence outside of the catalogue is found, and nothing else", () => {
  const find = finder(sentences);
  const finds = (code: string): boolean => find(`export const one = (who, notices) => ${code};`);
  expect(STRAY.filter((code) => !finds(code))).toEqual([]);
  expect(FINE.filter(finds)).toEqual([]);
});

test("words that are read before the language is known are found, and no others", () => {
  const finds = finder(early);
  const tooEarly = ["const BACK = words.maze.back;", "const { maze } = words;", "const all = names.map(one(words.pages));"];
  const inTime = ["const back = () => words.maze.back;", "function f() { const { maze } = words; return maze; }"];
  expect([tooEarly.filter((code) => !finds(code)), inTime.filter(finds)]).toEqual([[], []]);
});
