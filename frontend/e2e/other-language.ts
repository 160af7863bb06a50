/** A second catalogue, for tests: English with its letters in another alphabet. */

import type { Words } from "../src/words";
import { en as english } from "../src/words/en";

const OTHER = "абцдефгхийклмнопярстувшжыз";

function translated(said: string): string {
  return said.replace(/[a-z]/gi, (letter) => {
    const other = OTHER[letter.toLowerCase().charCodeAt(0) - 97] ?? letter;
    return letter === letter.toLowerCase() ? other : other.toUpperCase();
  });
}

/** All that is said in a catalogue, translated, also what its functions say. */
function inOtherLetters<T>(value: T): T {
  if (typeof value === "string") return translated(value) as T;
  if (Array.isArray(value)) return value.map((one: unknown) => inOtherLetters(one)) as T;
  if (typeof value === "function") {
    const say = value as (...parameters: unknown[]) => unknown;
    return ((...parameters: unknown[]): unknown => inOtherLetters(say(...parameters))) as T;
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inOtherLetters(one as unknown)])) as T;
}

export const en: Words = { ...inOtherLetters(english), language: "bg" };
