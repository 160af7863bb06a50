/**
 * Cuts a reply, while it is written, into the sentences that a person would read aloud.
 *
 * The text is Markdown. Its marks and addresses are not read; code, tables, formulas, images and bare addresses are named; lists, headings
 * and quotes are read item by item. Rules of many languages hold at once, because a reply does not say its language. The gateway's
 * `protocol/sentences.py` does the same, and `contracts/sentences/` holds the two together.
 *
 * A sentence comes out once no text that may follow can change it. All looks at the text go through `Look` in `marks.ts`, which throws at
 * the end of a text that still grows; therefore sentences do not depend on how the text was sliced. Knows no voice and no queue.
 */

import * as abbreviations from "./abbreviations.gen";
import { FAR, Marks, Undecided, type Names, type Token } from "./marks";
import {
  canBeSaid,
  hasNoStops,
  isDigit,
  isInitial,
  isLetter,
  isLower,
  isMark,
  isOpen,
  isPicture,
  isUpper,
  isWide,
  lastOf,
  lastWord,
  SPACES,
  Strength,
  strengthOf,
  UNSEEN,
} from "./signs";

/** Characters of a sentence; a longer one is cut, behind a comma if it has one. */
const LONGEST = 400;
const SHORTEST_CUT = 100;
/** Characters from which on a space in Thai, Lao or Khmer ends what is said in one breath. */
const CLAUSE = 40;
/** Columns: a line that is this long goes on in the next one; a shorter one was ended on purpose. */
const WRAPPED = 50;
const OPENERS = "*_~\"'“‘«„([{¿¡‹「『（《【—–-";
const COMMAS = ",;:،؛";
const WIDE_COMMAS = "、，；：";
const BULLETS = "-*+•◦▪‣";
const PARTICLES = /(?:ครับ|ค่ะ|คะ|จ้ะ|จ้า)$/;
const HIRAGANA = /^[\u3041-\u309f]/;

const NEVER_LAST = new Set<string>(abbreviations.NEVER_LAST);
const LAST_BEFORE_A_CAPITAL = new Set<string>(abbreviations.LAST_BEFORE_A_CAPITAL);
const LAST_BEFORE_A_BEGINNING = new Set<string>(abbreviations.LAST_BEFORE_A_BEGINNING);
const BEFORE_A_NUMBER = new Set<string>(abbreviations.BEFORE_A_NUMBER);
const BEGINNINGS = new Set<string>(abbreviations.BEGINNINGS);
const MONTHS = new Set<string>(abbreviations.MONTHS);
const BEFORE_AN_ORDINAL = new Set<string>(abbreviations.BEFORE_AN_ORDINAL);

/** `text` is said. `written`: the parts of it that stand in the reply, in their order, without marks. */
export interface Sentence {
  text: string;
  written: readonly string[];
}

/** Where in a text the next sentence begins, and in what. */
interface Place {
  at: number;
  /** At the beginning of a line. */
  opens: boolean;
  /** The sentence that begins here is the first of its line. */
  isFirst: boolean;
  /** The number of the item that begins here. */
  number: string;
  /** What began the code that this line stands in. */
  fence: string;
  /** What ends the formula that this stands in. */
  formula: string;
  inTable: boolean;
  inList: boolean;
  inCode: boolean;
  inHeading: boolean;
  afterBlank: boolean;
}

const START: Place = {
  at: 0,
  opens: true,
  isFirst: false,
  number: "",
  fence: "",
  formula: "",
  inTable: false,
  inList: false,
  inCode: false,
  inHeading: false,
  afterBlank: true,
};

type Step = [found: Sentence[], place: Place];

/** The sentences of a text that grows. Give it the whole text each time. */
export class Sentences {
  private text = "";
  private place = START;
  private settled: Sentence[] = [];

  constructor(private readonly names: Names) {}

  /** All sentences; of a text that grows, those that nothing can change any more. `most`: so many are enough. */
  of(text: string, growing: boolean, most = Infinity): readonly Sentence[] {
    if (!text.startsWith(this.text)) [this.place, this.settled] = [START, []];
    this.text = text;
    const [settled, place] = new Scan(text, this.names, true).sentences(this.place, most - this.settled.length);
    this.place = place;
    this.settled.push(...settled);
    if (growing || this.settled.length >= most) return [...this.settled];
    return [...this.settled, ...new Scan(text, this.names, false).sentences(place)[0]];
  }
}

/** A mark that may end a sentence. `before`: what was said before it. */
interface Stop {
  strength: Strength;
  before: string;
  dots: number;
  isQuoted: boolean;
}

/** A sentence that is being read. */
class Said {
  text: string;
  pieces: string[] = [];
  piece = "";

  constructor(number: string) {
    this.text = number === "" ? "" : `${number} `;
  }

  add(text: string): void {
    this.text += text;
    this.piece += text;
  }

  space(): void {
    if (this.text !== "" && !this.text.endsWith(" ")) this.add(" ");
  }

  name(name: string): void {
    const last = lastOf(this.text);
    if (isLetter(last) || isDigit(last)) this.text += " ";
    this.text += name;
    this.pieces.push(this.piece);
    this.piece = "";
  }

  /** The sentence; none where there is nothing to say. Headings may end with the marks that they begin with. */
  sentence(inHeading = false): Sentence[] {
    if (inHeading) [this.text, this.piece] = [this.text.replace(/[# ]+$/, ""), this.piece.replace(/[# ]+$/, "")];
    const text = this.text.trim();
    if (!canBeSaid(text)) return [];
    return [{ text, written: [...this.pieces, this.piece].map((piece) => piece.trim()).filter(canBeSaid) }];
  }
}

/** Where a sentence that is too long may be cut. */
interface Cut {
  length: number;
  pieces: number;
  piece: string;
  at: number;
}

/** One look for sentences. */
class Scan extends Marks {
  /** The sentences from a place on, and the place behind the last one that is certain or wanted. */
  sentences(from: Place, most = Infinity): Step {
    const found: Sentence[] = [];
    let place = from;
    try {
      while (place.at < this.text.length && found.length < most) {
        const [next, behind] = this.step(place);
        found.push(...next);
        place = behind;
      }
    } catch (error) {
      if (!(error instanceof Undecided)) throw error;
    }
    return [found, place];
  }

  private step(place: Place): Step {
    if (place.fence !== "") return this.lineOfCode(place);
    if (place.formula !== "") return this.lineOfFormula(place);
    if (place.inTable && place.opens) return this.lineOfTable(place);
    return place.opens ? this.line(place) : this.prose(place);
  }

  // Lines

  private line(place: Place): Step {
    const indent = this.indent(place.at);
    let { at } = indent;
    const sign = this.char(at);
    if (sign === "" || sign === "\n") return [[], atLine(place, at + 1, { afterBlank: true })];
    if (indent.columns >= 4 && (place.inCode || (place.afterBlank && !place.inList))) {
      const named = place.inCode ? [] : [nameOnly(this.names.code)];
      return [named, atLine(place, this.lineEnd(at) + 1, { inCode: true, afterBlank: true })];
    }
    let inList = place.inList && (indent.columns > 0 || !place.afterBlank);
    let number = "";
    for (let item = this.item(at); item !== null; item = this.item(at)) {
      ({ at, number } = item);
      inList = true;
    }
    const inside: Place = { ...START, at, opens: false, isFirst: true, number, inList, afterBlank: false };
    return this.block(inside) ?? [[], inside];
  }

  /** Where the line begins behind the marks of quotes, and how many columns from there. */
  private indent(from: number): { at: number; columns: number } {
    let [at, columns] = [from, 0];
    for (let sign = this.char(at); sign !== ""; sign = this.char(at)) {
      if (sign === ">") columns = this.char(at + 1) === " " ? -1 : 0;
      else if (sign === "\t") columns += 4;
      else if (SPACES.includes(sign)) columns++;
      else break;
      at++;
    }
    return { at, columns };
  }

  /** Where the text of an item of a list begins, and its number. */
  private item(from: number): { at: number; number: string } | null {
    const sign = this.char(from);
    let end = from + 1;
    let number = "";
    if (sign === "" || !BULLETS.includes(sign)) {
      end = from;
      while (end - from < 9 && /^[0-9]$/.test(this.char(end))) end++;
      if (end === from || !/^[.)]$/.test(this.char(end))) return null;
      number = this.text.slice(from, ++end);
    }
    if (!["", "\n", " ", "\t"].includes(this.char(end))) return null;
    const at = this.skip(end, " \t");
    const isTask =
      this.char(at) === "[" && /^[xX ]$/.test(this.char(at + 1)) && this.char(at + 2) === "]" && this.char(at + 3) === " ";
    return { at: isTask ? at + 4 : at, number };
  }

  /** What begins a line that is no prose. */
  private block(place: Place): Step | null {
    const { at } = place;
    const sign = this.char(at);
    if (sign === "#") {
      const length = this.run(at, 7);
      if (length < 7 && ["", "\n", " ", "\t"].includes(this.char(at + length)))
        return [[], { ...place, at: at + length, inHeading: true }];
    }
    if (sign === "`" || sign === "~") {
      const length = this.run(at);
      if (length >= 3) {
        const end = this.lineEnd(at);
        if (sign === "`" && this.text.slice(at + length, end).includes("`")) return null;
        return [[nameOnly(this.names.code)], atLine(place, end + 1, { fence: sign.repeat(length) })];
      }
    }
    if (sign === "[") {
      const close = this.find("]", at + 1);
      if (close !== -1 && this.char(close + 1) === ":") {
        if (this.text[at + 1] === "^") return [[], { ...place, at: close + 2 }];
        return [[], atLine(place, this.lineEnd(close) + 1)];
      }
    }
    const formula = this.formulaAt(at);
    return formula === null ? null : [[nameOnly(this.names.formula)], { ...place, ...formula }];
  }

  /** Where a formula that begins a line goes on, and what ends it. */
  private formulaAt(at: number): { at: number; formula: string } | null {
    if (this.starts(at, "$$")) return { at: at + 2, formula: "$$" };
    if (this.starts(at, "\\[")) return { at: at + 2, formula: "\\]" };
    if (!this.starts(at, "\\begin{")) return null;
    const close = this.find("}", at + 7);
    return close === -1 ? null : { at: close + 1, formula: `\\end{${this.text.slice(at + 7, close)}}` };
  }

  private lineOfCode(place: Place): Step {
    const end = this.lineEnd(place.at);
    const line = this.text.slice(place.at, end).replace(/^[ \t\r>]+|[ \t\r>]+$/g, "");
    const isClosed = line.length >= place.fence.length && line === (place.fence[0] ?? "").repeat(line.length);
    return [[], atLine(place, end + 1, { fence: isClosed ? "" : place.fence })];
  }

  private lineOfFormula(place: Place): Step {
    const newline = this.text.indexOf("\n", place.at);
    const end = this.text.slice(0, newline === -1 ? undefined : newline).indexOf(place.formula, place.at);
    if (end !== -1) return [[], { ...place, at: end + place.formula.length, opens: false, isFirst: false, formula: "" }];
    const lineEnd = this.lineEnd(place.at);
    const isOver = place.opens && this.text.slice(place.at, lineEnd).trim() === "";
    return [[], atLine(place, lineEnd + 1, { formula: isOver ? "" : place.formula })];
  }

  private lineOfTable(place: Place): Step {
    const at = this.skip(place.at, " \t\r>");
    const sign = this.char(at);
    if (sign === "" || sign === "\n") return [[], atLine(place, at + 1, { afterBlank: true })];
    if (sign !== "|" && !this.text.slice(at, this.lineEnd(at)).includes("|")) return [[], { ...place, inTable: false }];
    return [[], atLine(place, this.lineEnd(at) + 1, { inTable: true })];
  }

  // Prose

  /** The next sentence of a paragraph, an item or a heading. */
  private prose(place: Place): Step {
    const { inList, inHeading } = place;
    const said = new Said(place.number);
    let { at } = place;
    let afterMark = false;
    let stop: Stop | null = null;
    let [comma, gap]: [Cut | null, Cut | null] = [null, null];
    const behind = (end: number): Place => ({ ...START, at: end, opens: false, inList, inHeading, afterBlank: false });
    for (;;) {
      const token = this.token(at, said.text, place.isFirst);
      if (stop !== null && token.kind !== "mark" && token.kind !== "closer" && token.kind !== "stop") {
        if (token.kind === "space" && this.char(token.to) === "»" && isOpen(said.text, "«", "»")) {
          said.add(" »");
          stop.isQuoted = true;
          at = token.to + 1;
          continue;
        }
        if (this.isEnd(stop, token, at)) return [said.sentence(), behind(at)];
        stop = null;
      }
      if (afterMark && (token.text === "." || token.text === ",") && said.piece.endsWith(" "))
        [said.text, said.piece] = [said.text.slice(0, -1), said.piece.slice(0, -1)]; // the space before a citation
      afterMark = token.kind === "mark";
      const cut = (): Cut => ({ length: said.text.length, pieces: said.pieces.length, piece: said.piece, at: token.to });
      switch (token.kind) {
        case "end":
          return [said.sentence(inHeading), behind(at)];
        case "break":
          return [said.sentence(), behind(token.to)];
        case "table":
          return [[nameOnly(this.names.table)], atLine(place, token.to, { inTable: true })];
        case "newline": {
          const next = said.text !== "" && !inHeading ? this.nextLine(at) : null;
          if (next === null) return [said.sentence(inHeading), atLine(place, token.to)];
          at = next;
          if (!(isWide(lastOf(said.text)) && isWide(this.char(at)))) said.space();
          continue;
        }
        case "space":
          if (this.endsClause(said.text, token.to)) return [said.sentence(), behind(token.to)];
          said.space();
          gap = cut();
          if (COMMAS.includes(said.text.slice(-2, -1) || " ")) comma = gap;
          break;
        case "stop": {
          const strength = strengthOf(token.text);
          stop ??= { strength, before: said.text, dots: 0, isQuoted: false };
          if (strength > stop.strength) stop.strength = strength;
          stop.dots++;
          said.add(token.text);
          break;
        }
        case "closer":
          if (stop !== null) stop.isQuoted = true;
          said.add(token.text);
          break;
        case "name":
          said.name(token.text);
          break;
        case "text":
        case "code":
          said.add(token.text);
          if (token.text !== "" && WIDE_COMMAS.includes(token.text)) comma = cut();
          break;
        case "mark":
          break;
      }
      at = token.to;
      if (!isTooLong(said.text, stop, at - place.at) || isMark(this.char(at))) continue;
      const last = [comma, gap].find((one) => one !== null && one.length >= SHORTEST_CUT);
      if (last != null) {
        said.text = said.text.slice(0, last.length);
        [said.pieces, said.piece, at] = [said.pieces.slice(0, last.pieces), last.piece, last.at];
      }
      return [said.sentence(), behind(at)];
    }
  }

  /** Where the sentence goes on behind the end of a line; null: it ends there. */
  private nextLine(at: number): number | null {
    const line = this.text.slice(at === 0 ? 0 : this.text.lastIndexOf("\n", at - 1) + 1, at).replace(/\r+$/, "");
    const columns = Array.from(line).reduce((sum, sign) => sum + (isWide(sign) ? 2 : 1), 0);
    if (line.endsWith("  ") || line.endsWith("\\") || columns < WRAPPED) return null;
    const begins = this.skip(at + 1, " \t>");
    const sign = this.char(begins);
    if (["", "\n", "\r", "#", "|"].includes(sign) || this.item(begins) !== null) return null;
    if ("`~".includes(sign) && this.run(begins, 3) >= 3) return null;
    if ("=-".includes(sign) && this.run(begins, 3) >= 2) return null;
    return this.formulaAt(begins) === null ? begins : null;
  }

  /** Whether a sentence ends where a stop is followed by something. */
  private isEnd(stop: Stop, token: Token, at: number): boolean {
    const isLast = stop.strength !== Strength.dot || stop.dots > 1 || !NEVER_LAST.has(lastWord(stop.before).toLowerCase());
    if (token.kind === "end" || token.kind === "break") return true;
    if (token.kind === "newline") return isLast;
    const sign = this.char(at);
    if (stop.strength === Strength.wide) return !(stop.isQuoted && HIRAGANA.test(sign));
    if (token.kind !== "space") {
      const before = lastOf(stop.before);
      const isBetween = stop.strength === Strength.firm || (stop.strength === Strength.dot && isWide(before) && isLetter(before));
      return isBetween && isWide(sign) && isLetter(sign);
    }
    const seen = this.visible(at);
    const next = this.char(seen);
    if (stop.strength === Strength.firm)
      return !(isLower(next) && (stop.isQuoted || ["—", "–"].includes(this.char(this.skip(at, SPACES)))));
    if (next === "" || next === "\n") return isLast;
    if (isLower(next)) return false;
    return stop.strength === Strength.more || stop.dots > 1 || this.isEndOfWord(stop.before, seen);
  }

  /** Whether a single dot behind a word ends the sentence. `seen`: where the next word begins, not in lower case. */
  private isEndOfWord(before: string, seen: number): boolean {
    const word = lastWord(before);
    const key = word.toLowerCase();
    const sign = this.char(seen);
    if ((before.match(/\p{L}/gu)?.length ?? 0) <= 1 && !isWide(lastOf(before))) return false; // the number or the letter of a heading or an item
    if (NEVER_LAST.has(key)) return false;
    if (isDigit(sign) && BEFORE_A_NUMBER.has(key)) return false;
    if (LAST_BEFORE_A_CAPITAL.has(key)) return !isDigit(sign);
    if (/^[0-9]{1,2}$/.test(word)) {
      const earlier = lastWord(before.slice(0, -word.length).trimEnd()).toLowerCase();
      return !BEFORE_AN_ORDINAL.has(earlier) && !MONTHS.has(this.word(seen));
    }
    if (word.includes(".") || LAST_BEFORE_A_BEGINNING.has(key)) return BEGINNINGS.has(this.word(seen));
    if (!isInitial(word)) return true;
    const measure = lastOf(before.slice(0, -word.length).trimEnd());
    if (isDigit(measure) || measure === "°") return isUpper(sign); // behind a unit, or a Russian year
    return isUpper(word) && BEGINNINGS.has(this.word(seen));
  }

  /** Where the next sign stands that says how a sentence begins. */
  private visible(at: number): number {
    for (let sign = this.char(at); sign !== ""; sign = this.char(at)) {
      if (!SPACES.includes(sign) && !OPENERS.includes(sign) && !UNSEEN.includes(sign) && !isPicture(sign)) break;
      at += sign.length;
    }
    return at;
  }

  /** The word that begins there, in lower case. */
  private word(at: number): string {
    let end = at;
    for (let sign = this.char(end); end - at < FAR && (isLetter(sign) || isMark(sign)); sign = this.char(end)) end += sign.length;
    return this.text.slice(at, end).toLowerCase();
  }

  /** Whether a space in a script without stops ends what is said in one breath. `at`: behind the space. */
  private endsClause(said: string, at: number): boolean {
    if (!hasNoStops(said.slice(-1)) || (said.length < CLAUSE && !PARTICLES.test(said))) return false;
    return hasNoStops(this.char(this.skip(at, SPACES)));
  }
}

function nameOnly(text: string): Sentence {
  return { text, written: [] };
}

/** `signs`: how many were looked at. */
function isTooLong(said: string, stop: Stop | null, signs: number): boolean {
  const limit = stop === null ? LONGEST : 2 * LONGEST;
  return (said.length > limit && Array.from(said).length > limit) || signs > 4 * FAR;
}

/** The beginning of a line behind a place. */
function atLine(place: Place, at: number, changes: Partial<Place> = {}): Place {
  const inCode = changes.inCode === true || (place.inCode && changes.afterBlank === true);
  return { ...START, afterBlank: false, inList: place.inList, ...changes, at, inCode };
}
