/** Where a text is found in another one, without regard to case, accents and forms of letters. Pure. */

import { fold } from "./folding";

/** A text as it is compared, and where in the text each of its units comes from. */
export interface Folded {
  text: string;
  from: Uint32Array;
  length: number;
}

/** Runs of plain letters, which keep their length, and every other character alone. */
const PIECES = /[\u0000-\u007f]+|[^]/gu;
const known = new Map<string, string>();

export function folded(text: string): Folded {
  const from: number[] = [];
  const pieces: string[] = [];
  for (const { 0: piece, index } of text.matchAll(PIECES)) {
    const isPlain = piece < "\u0080";
    const like = isPlain ? piece.toLowerCase() : folding(piece);
    for (let unit = 0; unit < like.length; unit++) from.push(isPlain ? index + unit : index);
    pieces.push(like);
  }
  return { text: pieces.join(""), from: Uint32Array.from(from), length: text.length };
}

/** The places in the text, each with its end; they do not overlap. */
export function occurrences(within: Folded, question: string): [start: number, end: number][] {
  const wanted = fold(question);
  if (wanted.trim() === "") return [];
  const found: [number, number][] = [];
  for (let at = within.text.indexOf(wanted); at !== -1; at = within.text.indexOf(wanted, at + wanted.length)) {
    const end = at + wanted.length;
    found.push([within.from[at] ?? 0, within.from[end] ?? within.length]);
  }
  return found;
}

function folding(character: string): string {
  let like = known.get(character);
  if (like === undefined) known.set(character, (like = fold(character)));
  return like;
}
