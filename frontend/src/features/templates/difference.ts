/** What changed between two texts, word by word; line by line where they share too little for that. Pure. */

import { diffLines, diffWordsWithSpace } from "diff";

export interface Piece {
  value: string;
  kind: "same" | "gone" | "came";
}

/** More changes than this are easier to read by lines, and would take long to find by words. */
const MOST_EDITS = 500;

export function difference(before: string, after: string): Piece[] {
  const options = { maxEditLength: MOST_EDITS };
  const changes = diffWordsWithSpace(before, after, options) ?? diffLines(before, after, options);
  if (changes === undefined) {
    return [
      { value: before, kind: "gone" },
      { value: after, kind: "came" },
    ];
  }
  return changes.map(({ value, added, removed }) => ({ value, kind: added ? "came" : removed ? "gone" : "same" }));
}
