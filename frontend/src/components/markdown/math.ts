/**
 * Formulas in the notations that models write, told apart from money and from code.
 *
 * `$$…$$`, `\[…\]`, `\(…\)`, the environments of LaTeX and `\ce{…}` always are formulas. `$…$` is one by pandoc's rule (no white space
 * inside next to the marks, and no digit after the second: https://pandoc.org/MANUAL.html#math), nothing of an address or a word may
 * touch it, and a price with words behind it is none. All of them become `$$…$$`, which the parser is told to look for.
 */

const INLINE_DOLLARS = /(?<![\w=/&?])\$(?![\s$])((?:[^$\\\n]|\\[^\n])*?(?:[^\s\\$]|\\[^\s]))\$(?![\w${])/y;
/** With a space on both sides it is one if it looks like one. */
const INLINE_APART = /(?<![\w=/&?$])\$ ([^$\n]+) \$(?![\w${])/y;
const LOOKS_LIKE_FORMULA = /^[a-zA-Z]$|[\\^_=<>]/;
/** A number and words: money, with a second sign of money behind it. */
const PRICE = /^\d[\d.,]*(?:\s+\p{L}+){2}/u;
const LONGEST_CHEMISTRY = 400;
const CHEMISTRY = /\\ce(?=\{)/y;
const ENVIRONMENT =
  /\\begin\{((?:align|gather|equation|alignat|aligned|gathered|alignedat|split|cases|dcases|rcases|array|matrix|[pbBvV]matrix|smallmatrix|CD)\*?)\}/y;
const TABLE = /^[ \t>]*\|?[ \t]*:?-+:?[ \t]*\|[-|: \t]*$/;
const INLINE_PARENTHESES = /\\\(((?:[^\\\n]|\\[^()\n])+?)\\\)/y;
const DISPLAY_ENDS: Record<string, string> = { $$: "$$", "\\[": "\\]" };

/** The name of the environment that a line begins and does not end; null for any other line. */
export function environmentOf(line: string): string | null {
  const name = stickyMatch(ENVIRONMENT, line.trimStart(), 0)?.[1] ?? null;
  return name === null || line.includes(`\\end{${name}}`) ? null : name;
}

/** The text with every formula marked the same way. Code is left alone. */
export function withMarks(text: string): string {
  if (!/[$\\]/.test(text)) return text;
  const scan = new Scan(text);
  let marked = "";
  let at = 0;
  for (let special = scan.next(0); special < text.length; special = scan.next(at)) {
    const { as, length, isFormula } = scan.read(special);
    marked += text.slice(at, special) + (isFormula === true && scan.isInTable(special) ? withoutBars(as) : as);
    at = special + length;
  }
  return marked + text.slice(at);
}

/** A growing text without a dollar at its end: what follows says whether a formula ends there, or a price begins. */
export function withoutHalfMark(text: string): string {
  return /(?<![$\\])\$$/.test(text) ? text.slice(0, -1) : text;
}

/** A text that still grows, cut where a formula begins that has no end yet: half a formula is shown as it is written. */
export function cutOpen(text: string): [whole: string, open: string] {
  const scan = new Scan(text);
  let at = 0;
  while ((at = scan.next(at)) < text.length) {
    const { length, isOpen } = scan.read(at);
    if (isOpen) return [text.slice(0, at), text.slice(at)];
    at += length;
  }
  return [text, ""];
}

/** A formula as the parser finds it in a line: a dollar at its end must not be taken for a part of the mark. */
function inText(formula: string): string {
  return `$$${formula}${formula.endsWith("$") ? " " : ""}$$`;
}

/** A formula in a cell: a bar there would end the cell. By the rule of tables an escaped bar means a bar. */
function withoutBars(formula: string): string {
  return formula.replaceAll(/(?<!\\)\\\||\|/g, "\\vert ");
}

/** `as`: how it should be said. `length`: of what is written. `isOpen`: a formula begins, and does not end. */
interface Found {
  as: string;
  length: number;
  isFormula?: boolean;
  isOpen?: boolean;
}

class Scan {
  /** Ends that were looked for and do not come any more: they are not looked for again, or a long text would take for ever. */
  private readonly missing = new Set<string>();
  private readonly special = /[`$\\]/g;
  private tables: [start: number, end: number][] | null = null;

  constructor(private readonly text: string) {}

  /** Where the next character stands that may mean something. */
  next(from: number): number {
    this.special.lastIndex = from;
    return this.special.exec(this.text)?.index ?? this.text.length;
  }

  read(at: number): Found {
    if (this.text[at] === "`") return this.code(at);
    const two = this.text.slice(at, at + 2);
    const end = DISPLAY_ENDS[two];
    if (end !== undefined) return this.display(at, at + 2, end) ?? { as: two === "$$" ? "\\$\\$" : two, length: 2, isOpen: true };
    const inline = stickyMatch(INLINE_PARENTHESES, this.text, at) ?? stickyMatch(INLINE_DOLLARS, this.text, at);
    const said = inline?.[1]?.trim() ?? "";
    if (inline !== null && !PRICE.test(said)) return { as: inText(said), length: inline[0].length, isFormula: true };
    const apart = stickyMatch(INLINE_APART, this.text, at);
    const inside = apart?.[1]?.trim() ?? "";
    if (apart !== null && LOOKS_LIKE_FORMULA.test(inside)) return { as: inText(inside), length: apart[0].length, isFormula: true };
    const bare = this.chemistry(at) ?? this.environment(at);
    if (bare !== null) return bare;
    if (two === "\\(") return { as: two, length: 2, isOpen: !this.text.includes("\n", at) };
    return { as: two.startsWith("\\") ? two : "$", length: two.startsWith("\\") ? two.length : 1 };
  }

  /** Whether the line of this place is one of a table's. */
  isInTable(at: number): boolean {
    this.tables ??= tablesOf(this.text);
    return this.tables.some(([start, end]) => at >= start && at < end);
  }

  private display(at: number, from: number, mark: string): Found | null {
    const end = this.find(mark, from);
    if (end === -1 || this.text.slice(from, end).trim() === "") return null;
    return this.formula(at, this.text.slice(from, end).trim(), end + mark.length - at);
  }

  /** `\begin{align}` without dollars around it. */
  private environment(at: number): Found | null {
    const name = stickyMatch(ENVIRONMENT, this.text, at)?.[1];
    if (name === undefined) return null;
    const mark = `\\end{${name}}`;
    const end = this.find(mark, at);
    if (end === -1) return { as: "\\", length: 1, isOpen: this.indent(at) !== null };
    return this.formula(at, this.text.slice(at, end + mark.length), end + mark.length - at);
  }

  /** `\ce{…}` without dollars around it. */
  private chemistry(at: number): Found | null {
    if (stickyMatch(CHEMISTRY, this.text, at) === null) return null;
    let depth = 0;
    const last = Math.min(this.text.length, at + LONGEST_CHEMISTRY);
    for (let end = at + 3; end < last && this.text[end] !== "\n"; end++) {
      if (this.text[end] === "{") depth++;
      else if (this.text[end] === "}" && --depth === 0)
        return { as: `$$${this.text.slice(at, end + 1)}$$`, length: end + 1 - at, isFormula: true };
    }
    return null;
  }

  private formula(at: number, formula: string, length: number): Found {
    const indent = this.indent(at);
    if (indent === null || !this.endsLine(at + length))
      return { as: `$$${formula.replaceAll("\n", " ")}$$`, length, isFormula: true };
    const lines = ["$$", ...formula.split("\n").map((line) => line.trim()), "$$"];
    return { as: lines.join(`\n${indent}`), length };
  }

  /** A run of backticks up to the next run of the same length; without one, the run itself. */
  private code(at: number): Found {
    let length = 1;
    while (this.text[at + length] === "`") length++;
    const run = "`".repeat(length);
    let end = this.find(run, at + length);
    while (end !== -1 && this.text[end + length] === "`") {
      let longer = end + length;
      while (this.text[longer] === "`") longer++;
      end = this.find(run, longer);
    }
    const code = end === -1 ? run : this.text.slice(at, end + length);
    return { as: code, length: code.length };
  }

  private find(mark: string, from: number): number {
    if (this.missing.has(mark)) return -1;
    const found = this.text.indexOf(mark, from);
    if (found === -1) this.missing.add(mark);
    return found;
  }

  /** The white space before it if nothing else stands on its line. */
  private indent(at: number): string | null {
    let start = at;
    while (this.text[start - 1] === " ") start--;
    return start === 0 || this.text[start - 1] === "\n" ? this.text.slice(start, at) : null;
  }

  private endsLine(at: number): boolean {
    while (this.text[at] === " ") at++;
    return at >= this.text.length || this.text[at] === "\n";
  }
}

/** Whether the line is the one below the head of a table. */
export function isRule(line: string): boolean {
  return TABLE.test(line);
}

/** Where tables stand: from the line above their rule to the next blank line. */
function tablesOf(text: string): [start: number, end: number][] {
  const found: [number, number][] = [];
  if (!text.includes("|")) return found;
  let before = 0;
  for (let line = 0; line < text.length; ) {
    const newline = text.indexOf("\n", line);
    const end = newline === -1 ? text.length : newline;
    if (line > before && isRule(text.slice(line, end))) {
      const blank = /\n[ \t>]*(?=\n)/g;
      blank.lastIndex = end;
      const last = blank.exec(text)?.index ?? text.length;
      found.push([before, last]);
      line = before = Math.max(last, end) + 1;
    } else {
      before = line;
      line = end + 1;
    }
  }
  return found;
}

function stickyMatch(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
