/**
 * Reads the marks of Markdown one after the other, for `sentences`: what is said, what is only named, what is not said at all. All looks
 * at the text go through `Look`, which throws at the end of a text that still grows. The gateway's `protocol/marks.py` does the same.
 */

import { closes, isLetter, isLetterOrDigit, isPicture, isStop, isWide, isWord, SPACES, UNSEEN } from "./signs";

/** Characters within which a mark has to end. */
export const FAR = 1000;
/** Dollars that may stand in a formula between two others. */
const DOLLARS = 4;
/** Brackets that may be open in an address. */
const BRACKETS = 4;
const DIGITS = "0123456789";
const LONGEST_CODE_READ = 40;
const CODE_READ = /^[\p{L}\p{N} ._\-/:@+#%'"()]*$/u;
const ESCAPED = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  hellip: "…",
  ndash: "–",
  mdash: "—",
};

/** What is said in place of what nobody reads aloud. */
export interface Names {
  code: string;
  table: string;
  formula: string;
  image: string;
  link: string;
}

/** Thrown where what comes next decides. */
export class Undecided extends Error {}

/** `mark` is not said, `code` is said as it is. `to`: behind it. */
export interface Token {
  kind: "end" | "newline" | "break" | "space" | "mark" | "closer" | "stop" | "text" | "code" | "name" | "table";
  to: number;
  text: string;
}

function token(kind: Token["kind"], to: number, text = ""): Token {
  return { kind, to, text };
}

/** One look at a text, which may still grow. */
class Look {
  constructor(
    protected readonly text: string,
    private readonly growing: boolean,
  ) {}

  /** The character there; empty behind the end. */
  protected char(at: number): string {
    const code = this.text.codePointAt(at);
    const sign = code === undefined ? "" : String.fromCodePoint(code);
    const isHalf = at === this.text.length - 1 && /^[\ud800-\udbff]$/.test(sign);
    if (this.growing && (sign === "" || isHalf)) throw new Undecided();
    return sign;
  }

  protected before(at: number): string {
    return at === 0 ? "\n" : this.text.slice(at - 1, at);
  }

  protected starts(at: number, mark: string): boolean {
    for (let step = 0; step < mark.length; step++) if (this.char(at + step).toLowerCase() !== mark[step]) return false;
    return true;
  }

  /** How often the character there is repeated. */
  protected run(at: number, most = FAR): number {
    let length = 1;
    while (length < most && this.char(at + length) === this.text[at]) length++;
    return length;
  }

  protected skip(at: number, signs: string): number {
    for (let sign = this.char(at); sign !== "" && signs.includes(sign); sign = this.char(at)) at += sign.length;
    return at;
  }

  /** Where the line ends; -1 if that is too far away. `undecided`: the answer where that is not known yet. */
  protected lineEnd(at: number, most: number | null = null, undecided: number | null = null): number {
    const end = this.text.indexOf("\n", at);
    if (end !== -1 && (most === null || end < at + most)) return end;
    if (most !== null && this.text.length >= at + most) return -1;
    if (!this.growing) return this.text.length;
    if (undecided === null) throw new Undecided();
    return undecided;
  }

  /** Where a mark comes next in the line, or in the paragraph; -1: nowhere near. One behind a backslash does not count. */
  protected find(mark: string, at: number, overLines = false): number {
    let end = this.lineEnd(at, FAR, -2);
    while (overLines && end >= 0 && !["", "\n"].includes(this.char(this.skip(end + 1, " \t"))))
      end = end + 1 < at + FAR ? this.lineEnd(end + 1, at + FAR - end - 1, -2) : -1;
    const near = this.text.slice(0, end >= 0 ? end : at + FAR);
    let place = near.indexOf(mark, at);
    while (place > 0 && near[place - 1] === "\\") place = near.indexOf(mark, place + 1);
    if (place === -1 && end === -2) throw new Undecided();
    return place;
  }
}

/** The tokens of a text. */
export class Marks extends Look {
  private readonly readers: Readonly<Record<string, (at: number, isFirst: boolean) => Token>> = {
    "*": (at) => this.star(at),
    _: (at) => this.underscore(at),
    "~": (at) => this.tilde(at),
    "`": (at) => this.backtick(at),
    $: (at) => this.dollar(at),
    "\\": (at) => this.backslash(at),
    "[": (at) => this.openingBracket(at),
    "]": (at) => this.closingBracket(at),
    "<": (at) => this.angle(at),
    "&": (at) => this.ampersand(at),
    "|": (at, isFirst) => this.bar(at, isFirst),
    h: (at) => this.address(at),
    H: (at) => this.address(at),
    w: (at) => this.address(at),
    W: (at) => this.address(at),
  };

  constructor(
    text: string,
    protected readonly names: Names,
    growing: boolean,
  ) {
    super(text, growing);
  }

  protected token(at: number, said: string, isFirst: boolean): Token {
    const sign = this.char(at);
    const to = at + sign.length;
    if (sign === "") return token("end", at);
    if (sign === "\n") return token("newline", to);
    if (SPACES.includes(sign)) return token("space", to);
    const isJoiner = sign === "\u200d" && isPicture(this.signBefore(at));
    if (UNSEEN.includes(sign) || isPicture(sign) || isJoiner) return token("mark", to);
    if (sign === "!" && this.char(to) === "[") {
      const image = this.image(at);
      if (image !== null) return image;
    }
    if (isStop(sign, said)) return token("stop", to, sign);
    const reader = Object.hasOwn(this.readers, sign) ? this.readers[sign] : undefined;
    if (reader !== undefined) return reader(at, isFirst);
    return token(closes(sign, said) ? "closer" : "text", to, sign);
  }

  private isBlank(sign: string): boolean {
    return sign === "" || sign === "\n" || SPACES.includes(sign);
  }

  private star(at: number): Token {
    const end = at + this.run(at);
    const standsAlone = this.isBlank(this.before(at)) && this.isBlank(this.char(end));
    return token(standsAlone ? "text" : "mark", end, this.text.slice(at, end));
  }

  private underscore(at: number): Token {
    const end = at + this.run(at);
    const isInside = isLetterOrDigit(this.signBefore(at)) && isLetterOrDigit(this.char(end));
    return token(isInside ? "text" : "mark", end, this.text.slice(at, end));
  }

  /** The whole character before a place. */
  private signBefore(at: number): string {
    const before = this.before(at);
    return /^[\udc00-\udfff]$/.test(before) ? this.text.slice(at - 2, at) : before;
  }

  private tilde(at: number): Token {
    const end = at + this.run(at);
    return token(end - at === 2 ? "mark" : "text", end, this.text.slice(at, end));
  }

  private backtick(at: number): Token {
    const begins = at + this.run(at);
    const mark = this.text.slice(at, begins);
    let end = this.find(mark, begins);
    while (end !== -1 && this.run(end) !== mark.length) end = this.find(mark, end + this.run(end));
    if (end === -1) return token("mark", begins);
    const code = this.text.slice(begins, end).trim();
    const isRead = Array.from(code).length <= LONGEST_CODE_READ && CODE_READ.test(code);
    return isRead ? token("code", end + mark.length, code) : token("name", end + mark.length, this.names.code);
  }

  private dollar(at: number): Token {
    if (this.char(at + 1) === "$") {
      const end = this.find("$$", at + 2, true);
      return end === -1 ? token("mark", at + 2) : token("name", end + 2, this.names.formula);
    }
    const before = this.before(at);
    if (isWord(before) || "=/&?".includes(before) || this.isBlank(this.char(at + 1)) || this.isPrice(at))
      return token("text", at + 1, "$");
    let end = at;
    for (let tries = 0; tries < DOLLARS; tries++) {
      end = this.find("$", end + 1);
      if (end === -1) break;
      const behind = SPACES.includes(this.before(end)) ? null : this.char(end + 1);
      if (behind !== null && !isWord(behind) && behind !== "{") return this.formula(at + 1, end, end + 1);
    }
    return token("text", at + 1, "$");
  }

  /** Whether a dollar is money: a number, then the end of something or a word. */
  private isPrice(at: number): boolean {
    const end = this.skip(at + 1, `${DIGITS}.,`);
    if (end === at + 1 || !this.isBlank(this.char(end))) return false;
    const behind = this.skip(end, SPACES);
    const next = this.char(behind);
    if (".,".includes(this.before(end)) || next === "" || next === "\n") return true;
    if (!isLetter(next)) return false;
    const second = this.char(behind + next.length);
    return second === "" ? false : isLetter(second);
  }

  /** A letter or a number is read; other formulas are named. */
  private formula(begins: number, ends: number, to: number): Token {
    const inside = this.text.slice(begins, ends).trim();
    return /^(?:\p{L}|\d{1,9})$/u.test(inside) ? token("code", to, inside) : token("name", to, this.names.formula);
  }

  private backslash(at: number): Token {
    const sign = this.char(at + 1);
    if (sign === "(") {
      const end = this.find("\\)", at + 2);
      if (end !== -1) return this.formula(at + 2, end, end + 2);
    }
    if (sign === "[") {
      const end = this.find("\\]", at + 2, true);
      if (end !== -1) return token("name", end + 2, this.names.formula);
    }
    return sign !== "" && ESCAPED.includes(sign) ? token("text", at + 2, sign) : token("mark", at + 1);
  }

  private openingBracket(at: number): Token {
    if (this.char(at + 1) === "^") {
      const end = this.find("]", at + 2);
      if (end !== -1) return token("mark", end + 1);
    }
    let end = at + 1;
    let digits = 0;
    while (digits <= 3 && end - at < 16) {
      const sign = this.char(end);
      if (sign === "" || !`${DIGITS}, –-`.includes(sign)) break;
      digits = DIGITS.includes(sign) ? digits + 1 : 0;
      end++;
    }
    const isCitation = end > at + 1 && digits >= 1 && digits <= 3 && this.char(end) === "]";
    return isCitation ? this.closingBracket(end) : token("mark", at + 1);
  }

  private closingBracket(at: number): Token {
    const sign = this.char(at + 1);
    if (sign === "(") return token("mark", this.addressEnd(at + 1));
    const end = sign === "[" ? this.find("]", at + 2) : -1;
    return token("mark", end === -1 ? at + 1 : end + 1);
  }

  /** Behind the bracket that closes the one there; there, if none does. */
  private addressEnd(at: number): number {
    let depth = 0;
    for (let place = at; place < at + FAR; place++) {
      const sign = this.char(place);
      if (sign === "" || sign === "\n") break;
      depth += sign === "(" ? 1 : sign === ")" ? -1 : 0;
      if (depth === 0) return place + 1;
      if (depth > BRACKETS) break;
    }
    return at;
  }

  private image(at: number): Token | null {
    const close = this.find("]", at + 2);
    if (close === -1 || this.char(close + 1) !== "(") return null;
    const end = this.addressEnd(close + 1);
    if (end === close + 1) return null;
    return token("name", end, `${this.names.image} ${this.text.slice(at + 2, close)}`.trim());
  }

  private angle(at: number): Token {
    const sign = this.char(at + 1);
    const end = /^[a-z/!]$/i.test(sign) ? this.find(">", at + 1) : -1;
    if (end === -1) return token("text", at + 1, "<");
    const inside = this.text.slice(at + 1, end);
    if (/^https?:\/\//i.test(inside)) return token("name", end + 1, this.names.link);
    if (inside.includes("@") && !inside.includes(" ")) return token("code", end + 1, inside.replace(/^mailto:/, ""));
    return token(/^br[ /]*$/i.test(inside) ? "break" : "mark", end + 1);
  }

  private ampersand(at: number): Token {
    let end = at + 1;
    while (end - at < 10 && /^[a-z\d#]$/i.test(this.char(end))) end++;
    const name = this.text.slice(at + 1, end);
    if (this.char(end) === ";") {
      const known = Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : undefined;
      if (known !== undefined) return token("text", end + 1, known);
      const code = /^#\d+$/.test(name) ? Number(name.slice(1)) : 0;
      if (code > 31 && code < 0xd800) return token("text", end + 1, String.fromCharCode(code));
    }
    return token("text", at + 1, "&");
  }

  private bar(at: number, isFirst: boolean): Token {
    const end = isFirst ? this.lineEnd(at, FAR) : -1;
    const nextEnd = end === -1 ? -1 : this.lineEnd(end + 1, FAR);
    const isTable = nextEnd !== -1 && isRule(this.text.slice(end + 1, nextEnd));
    return isTable ? token("table", nextEnd + 1) : token("mark", at + 1);
  }

  private address(at: number): Token {
    const isAddress = !isWord(this.before(at)) && ["http://", "https://", "www."].some((mark) => this.starts(at, mark));
    if (!isAddress) return token("text", at + 1, this.text.slice(at, at + 1));
    let end = at;
    for (let sign = this.char(end); sign !== "" && !isWide(sign); sign = this.char(end)) {
      if (SPACES.includes(sign) || '\n<>"|`'.includes(sign)) break;
      end += sign.length;
    }
    const isLoose = (sign: string): boolean =>
      ".,;:!?'*_~]}”’".includes(sign) || (sign === ")" && !this.text.slice(at, end).includes("("));
    while (isLoose(this.before(end))) end--;
    return token("name", end, this.names.link);
  }
}

/** Whether a line is the one below the head of a table. */
function isRule(line: string): boolean {
  const signs = line.replace(/^[ \t\r>]+|[ \t\r>]+$/g, "");
  return signs.includes("-") && signs.includes("|") && /^[-:| \t]+$/.test(signs);
}
