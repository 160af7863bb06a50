/** A long text that is pasted becomes a document of the message: what is said about it stays readable. */

import type { Document } from "../../protocol/parts";
import { words } from "../../words";

const LONG = 4_000;
const MANY_LINES = 60;

export function isLong(text: string): boolean {
  return text.length > LONG || text.split("\n", MANY_LINES + 1).length > MANY_LINES;
}

/** A name that no other document of the message has. */
export function pastedName(documents: readonly Document[]): string {
  const taken = new Set(documents.map(({ name }) => name));
  let count = 1;
  while (taken.has(words.composer.pasted(count))) count++;
  return words.composer.pasted(count);
}
