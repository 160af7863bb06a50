/**
 * Text as searches compare it: without case, accents and compatibility forms. The gateway's `protocol/folding.py` does the same, and
 * `contracts/search.json` holds the two together.
 */

const LIKE: Readonly<Record<string, string>> = {
  ß: "ss",
  ς: "σ",
  æ: "ae",
  œ: "oe",
  ø: "o",
  đ: "d",
  ð: "d",
  ħ: "h",
  ı: "i",
  ł: "l",
  ŧ: "t",
  þ: "th",
  ى: "ي",
  ی: "ي",
  ک: "ك",
  ة: "ه",
  ہ: "ه",
  ٱ: "ا",
}; // prettier-ignore
const LETTERS = new RegExp(`[${Object.keys(LIKE).join("")}]`, "gu");
const NO_WIDTH = /[\p{Cf}\u0640\u034f\u115f\u1160\u180b-\u180f\ufe00-\ufe0f]/gu;
const POINTS = /[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u1ab0-\u1dff\u20d0-\u20ff]/gu;
const KATAKANA = /[ァ-ヶ]/gu;
const APOSTROPHES = /[’‘‛ʼʻ′´׳]/gu;
const QUOTES = /[”“„״]/gu;
const EDGES = /^[^\p{L}\p{M}\p{N}\p{S}#@%&*.\\]+|[^\p{L}\p{M}\p{N}\p{S}#@%&*\\]+$/gu;
const BETWEEN = /[\s\p{P}]/gu;

export function fold(text: string): string {
  return text
    .replace(APOSTROPHES, "'")
    .replace(QUOTES, '"')
    .normalize("NFKD")
    .toLowerCase()
    .normalize("NFKD")
    .replace(NO_WIDTH, "")
    .replace(POINTS, "")
    .replace(LETTERS, (letter) => LIKE[letter] ?? letter)
    .replace(KATAKANA, (letter) => String.fromCodePoint(letter.charCodeAt(0) - 0x60))
    .replace(/\p{Nd}/gu, digit);
}

/** Finds every word of a question in a text, wherever they stand; signs between letters may be left out on both sides. */
export function finder(question: string): (text: string) => boolean {
  const words = fold(question)
    .split(/\s+/u)
    .map((word) => word.replace(EDGES, "") || word)
    .filter(Boolean);
  return (text) => {
    const folded = fold(text);
    const bare = folded.replace(BETWEEN, "");
    return words.every((word) => folded.includes(word) || bare.includes(word.replace(BETWEEN, "") || word));
  };
}

/** Digits of every script come in tens, from nought on. */
function digit(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return character;
  let value = 0;
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - value - 1))) value++;
  return String(value);
}
