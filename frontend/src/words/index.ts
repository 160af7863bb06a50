/** The catalogue that the page speaks from: that of the first language the reader prefers and the page knows, else English. */

import { en } from "./en";

export type Words = typeof en;

const CATALOGUES: Readonly<Record<string, Words>> = { en };

function preferred(): Words {
  const languages = (globalThis.navigator as Navigator | undefined)?.languages ?? []; // Node 20 has no navigator
  const known = languages.map((language) => CATALOGUES[language.split("-")[0] ?? ""]).find((words) => words !== undefined);
  return known ?? en;
}

export const words: Words = preferred();
