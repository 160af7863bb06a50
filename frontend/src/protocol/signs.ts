/**
 * Classes of characters and words as `sentences` tells them apart: letters, stops, quotes, pictures. The gateway's `protocol/signs.py`
 * does the same.
 */

export const SPACES =
  " \t\r\v\f\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000";
export const UNSEEN = "\u00ad\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufe0e\ufe0f\ufeff";
const WIDE_STOPS = "。！？｡।॥۔։።။។";
const FIRM_STOPS = "!?؟…‼⁇⁈⁉;";
const CLOSERS = "”’'»)]）】」』》〉〕｝}›";

/** What a stop is; where several stand together, the strongest decides. */
export enum Strength {
  dot,
  more,
  firm,
  wide,
}

export function strengthOf(stop: string): Strength {
  if (stop === ".") return Strength.dot;
  if (stop === "…") return Strength.more;
  return WIDE_STOPS.includes(stop) ? Strength.wide : Strength.firm;
}

/** Whether a sign may end a sentence behind what was said. */
export function isStop(sign: string, said: string): boolean {
  if (sign === ";") return /[\u0370-\u03ff]/.test(said); // the Greek question mark
  return sign === "." || WIDE_STOPS.includes(sign) || FIRM_STOPS.includes(sign);
}

/** The word that a text ends with. Letters with dots between them are one: `e.g`, `z. B`. */
export function lastWord(text: string): string {
  let word = /[\p{L}\p{N}\p{M}]*$/u.exec(text)?.[0] ?? "";
  if (!isInitial(word)) return word;
  for (let start = text.length - word.length; ; ) {
    const before = text.slice(0, start).replace(/[ \u00a0]+$/, "");
    if (!before.endsWith(".")) return word;
    const earlier = /[\p{L}\p{M}]*$/u.exec(before.slice(0, -1))?.[0] ?? "";
    if (!isInitial(earlier)) {
      const length = Array.from(earlier).length;
      const isJoined = before.length === start && length > 0 && length <= 2; // `Ph.D`
      return isJoined ? `${earlier}.${word}` : word;
    }
    word = `${earlier}.${word}`;
    start = before.length - 1 - earlier.length;
  }
}

/** One letter, in a script that writes words with several. In India a letter with a vowel is a word. */
export function isInitial(word: string): boolean {
  return /^(?:\p{L}|(?![\u0900-\u0dff])\p{L}\p{M}*)$/u.test(word) && !isWide(word);
}

/** Whether a sign closes a quote or a bracket. Some open one in one language and close it in another. */
export function closes(sign: string, said: string): boolean {
  if (sign === '"') return said.split('"').length % 2 === 0;
  if (sign === "“") return isOpen(said, "„", "“");
  if (sign === "«") return isOpen(said, "»", "«");
  return CLOSERS.includes(sign);
}

export function isOpen(said: string, opening: string, closing: string): boolean {
  return said.split(opening).length > said.split(closing).length;
}

/** The last sign of a text. */
export function lastOf(text: string): string {
  return /.$/su.exec(text)?.[0] ?? "";
}

export function isLetter(sign: string): boolean {
  return /^\p{L}/u.test(sign);
}

export function isMark(sign: string): boolean {
  return /^\p{M}/u.test(sign);
}

export function isDigit(sign: string): boolean {
  return /^\p{Nd}/u.test(sign);
}

export function isLetterOrDigit(sign: string): boolean {
  return /^[\p{L}\p{N}]/u.test(sign);
}

/** Part of a word in ASCII: scripts without spaces put a formula or an address right behind a word. */
export function isWord(sign: string): boolean {
  return /^\w/.test(sign);
}

export function isLower(sign: string): boolean {
  return /^\p{Ll}/u.test(sign);
}

export function isUpper(sign: string): boolean {
  return /^[\p{Lu}\p{Lt}]/u.test(sign);
}

/** Chinese, Japanese or Korean: two columns wide, and a word without spaces around it may be one letter. */
export function isWide(sign: string): boolean {
  return /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{20000}-\u{3fffd}]/u.test(sign);
}

/** Thai or Lao, which end sentences by a space, or Khmer. */
export function hasNoStops(sign: string): boolean {
  return /^[\u0e00-\u0eff\u1780-\u17ff]/.test(sign);
}

/** Emoji and their like, which nobody reads aloud. */
export function isPicture(sign: string): boolean {
  return /^[\u{1f000}-\u{1faff}\u2600-\u27bf\u20e3\u2b00-\u2bff\u{e0020}-\u{e007f}]/u.test(sign);
}

/** Whether there is anything to say. */
export function canBeSaid(text: string): boolean {
  return /[\p{L}\p{N}]/u.test(text);
}
