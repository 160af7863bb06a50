/**
 * How deep and how dense markdown may be. The parser calls itself for each level, and what encloses other text costs it the square of
 * how often it occurs: beyond these bounds the marks are escaped, so that the rest stands there as it is written.
 */

/** Quotes and lists inside one another. */
const DEPTH = 24;
/** Columns before the mark of a list or a quote; what stands further right joins that level. */
const COLUMNS = 64;
/** Marks in one paragraph that may begin or end something. */
const MARKS = 600;

/** What is heavier is cut: about the characters that can be read and built in a twentieth of a second. */
export const HEAVY = 20_000;
/** A line by itself cannot be cut: a heavier one is shown as it is written. */
export const HEAVIEST_LINE = 50_000;
/** A mark costs as much as so many letters, and so does a cell. */
export const MARK = 40;
const LINE = 80;
/** Each level of a list or a quote is looked for in each of its lines. */
const COLUMN = 40;
const COSTLY_MARKS = new Set(Array.from("*_`[]<|~$\\&:@", (mark) => mark.charCodeAt(0)));

/** What some lines cost when they are read as markdown, in letters. Marks of one kind in a row are one. */
export function weightOf(lines: string): number {
  let weight = LINE + lines.length;
  let before = 0;
  let isIndent = true;
  for (let at = 0; at < lines.length; at++) {
    const code = lines.charCodeAt(at);
    if (code === 10) {
      weight += LINE;
      isIndent = true;
      continue;
    }
    if (COSTLY_MARKS.has(code) && (code !== before || code === 91 || code === 93 || code === 60)) weight += MARK;
    isIndent &&= code === 32 || code === 62;
    if (isIndent) weight += COLUMN;
    before = code;
  }
  return weight;
}

const CONTAINER = /[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])(?=[ \t]|$))/y;
const RULE = /^[ \t]*([-*_])(?:[ \t]*\1)*[ \t]*$/;
const ITEM = /^(?:[-*+]|1[.)])(?:[ \t]|$)|^#{1,6}(?:[ \t]|$)/;
const NUMBER = /^\d{1,9}[.)](?:[ \t]|$)/;
const TABLE = /^\|?[ \t]*:?-+:?[ \t]*\|[-|: \t]*$/;
const BRACKETING = /!?\[|\*+|_+|~+|\]|<[!?]?/g;
/** What begins a comment or the like is looked for up to the end of the paragraph. */
const COSTLY = 12;

/** The text within the bounds; nearly always it is the same text. Linear in its length. */
export function bounded(text: string): string {
  const paragraphs = new Paragraphs();
  let marks = 0;
  const lines = text.split("\n").map((line) => {
    if (paragraphs.endBefore(line)) marks = 0;
    if (RULE.test(line)) return line;
    const kept = shallow(line);
    const before = marks;
    for (const [mark] of kept.matchAll(BRACKETING)) marks += cost(mark);
    return marks > MARKS ? sparse(kept, MARKS - before) : kept;
  });
  return lines.join("\n");
}

/** Tells where paragraphs end: marks do not reach from one item, heading or row of a table to the next. */
class Paragraphs {
  private isTable = false;
  private isList = false;
  private isNumbered = false;
  private isBlank = true;

  endBefore(line: string): boolean {
    const said = line.replace(/^[ \t>]*/, "");
    const wasBlank = this.isBlank;
    this.isBlank = said === "";
    if (this.isBlank) this.isTable = false;
    if (this.isBlank || this.isTable) return true;
    if (TABLE.test(said)) return (this.isTable = true);
    const isNumber = NUMBER.test(said) && (wasBlank || this.isNumbered || ITEM.test(said)); // others go on with the paragraph
    const isFar = !wasBlank && !this.isList && /^[ >]*(?: {4}|\t)/.test(line); // so does what only looks like an item
    if (isFar || !(isNumber || ITEM.test(said))) return wasBlank;
    this.isList = true;
    this.isNumbered = isNumber;
    return true;
  }
}

/** The line with at most so many levels begun in it. */
function shallow(line: string): string {
  const indent = /^[ \t]*/.exec(line)?.[0] ?? "";
  const isFar = indent.length > COLUMNS || indent.replaceAll("\t", "    ").length > COLUMNS;
  let at = 0;
  for (let depth = 0; depth <= DEPTH; depth++) {
    CONTAINER.lastIndex = at;
    if (!CONTAINER.test(line)) break;
    at = CONTAINER.lastIndex;
    if (depth === DEPTH) return `${line.slice(0, at - 1)}\\${line.slice(at - 1)}`;
  }
  return isFar && at > 0 ? " ".repeat(COLUMNS) + line.slice(indent.length) : line;
}

/** The line with all marks escaped but the first few. */
function sparse(line: string, few: number): string {
  let left = few;
  return line.replaceAll(BRACKETING, (mark) => {
    left -= cost(mark);
    return left >= 0 ? mark : mark.replaceAll(/[^!?]/g, "\\$&");
  });
}

function cost(mark: string): number {
  return mark.length > 1 && mark.startsWith("<") ? COSTLY : mark.length;
}
