/** The Arabic catalogue: whole, in Arabic, and with the plural forms that Arabic has. */

import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { speak, words, type Words } from "../src/words";
import { ar } from "../src/words/ar";
import { en } from "../src/words/en";

/** All that a catalogue says without being given anything, by where it stands. */
function said(value: unknown, path = ""): [string, string][] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => said(one, path === "" ? key : `${path}.${key}`));
}

/** What is the same in every language: names of things, keys, files to be copied, names of settings. */
const SAME =
  /^(language|direction)$|product|fixedKeys\.\d\.0|^palette\.chord|Example$|\.example$|^options\.(markdown|json)$|tableFormats|^imports\.sources|top_p|top_k|min_p|typical_p|beginHint/;

test("what the English catalogue says, the Arabic one says in Arabic letters", () => {
  const arabic = new Map(said(ar));
  const english = said(en);
  expect(english.length).toBeGreaterThan(600);
  const missing = english.filter(([path]) => !arabic.has(path)).map(([path]) => path);
  const latin = english.filter(([path]) => !SAME.test(path) && !/^$|\p{Script=Arabic}/u.test(arabic.get(path) ?? ""));
  expect({ missing, latin: latin.map(([path]) => path) }).toEqual({ missing: [], latin: [] });
});

test("every error of the gateway has a sentence, and what is particular about it is kept", () => {
  const reference = readFileSync(new URL("../../docs/reference/errors.md", import.meta.url), "utf8");
  const codes = [...reference.matchAll(/^\| `(\w+)`/gm)].map(([, code]) => code ?? "");
  expect(codes.length).toBeGreaterThan(50);
  expect(codes.filter((code) => !/^[\p{Script=Arabic}]/u.test(ar.failure.problem(code, "?")))).toEqual([]);
  expect(ar.failure.problem("llm_error", "It says (no).")).toContain("(\u2068It says (no).\u2069)");
  expect(ar.failure.problem("of_tomorrow", "New.")).toBe("\u2068New.\u2069");
  expect(en.failure.problem("timeout", "It says no.")).toBe("It says no.");
});

test("one and two of a thing are said without a number, and the noun follows the count", () => {
  const { found } = ar.palette;
  expect([0, 1, 2, 3, 11, 100].map(found)).toEqual(["0 نتيجة", "نتيجة واحدة", "نتيجتان", "3 نتائج", "11 نتيجة", "100 نتيجة"]);
});

test("names in another script do not mix with the sentence around them", () => {
  expect(ar.sessions.deleted("a (b)")).toBe("حُذفت «\u2068a (b)\u2069».");
});

test("a language is spoken from when it is chosen, in its own direction", async () => {
  const root = { lang: "", dir: "" };
  Object.assign(globalThis, { document: { documentElement: root } });
  const before: Words = words;
  await speak("ar");
  expect([words.pages.lab, root.lang, root.dir]).toEqual([ar.pages.lab, "ar", "rtl"]);
  await speak("en");
  expect([words === before, root.lang, root.dir]).toEqual([true, "en", "ltr"]);
});
