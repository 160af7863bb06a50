/** Names of files where there is little room. Pure. */

const SHORT = 24;
/** How many characters stay at the end, at least and at most: an ending, and what numbers and versions stand before it. */
const [LEAST, MOST] = [8, 16];
/** Behind these a word may end. */
const BREAK = /[\s_.,()[\]{}-]/u;
/** What belongs to the character before it. */
const BELONGS = /[\p{M}\p{Emoji_Modifier}\u200d]/u;

/**
 * A name in two pieces, of which the second is never cut: its last characters with the ending. The cut falls between two words where
 * there is one, because the letters of some scripts change their form beside a cut; never within a character. A short name has no end.
 */
export function cutName(name: string): [start: string, end: string] {
  const letters = Array.from(name);
  if (letters.length <= SHORT) return [name, ""];
  const places = Array.from({ length: MOST - LEAST + 1 }, (_, more) => letters.length - LEAST - more);
  const between = places.find((at) => BREAK.test(letters[at - 1] ?? "") && isBetween(letters, at));
  const at = between ?? places.find((place) => isBetween(letters, place)) ?? letters.length - LEAST;
  return [letters.slice(0, at).join(""), letters.slice(at).join("")];
}

/** Whether a place lies between two characters. */
function isBetween(letters: readonly string[], at: number): boolean {
  return !BELONGS.test(letters[at] ?? "") && letters[at - 1] !== "\u200d";
}
