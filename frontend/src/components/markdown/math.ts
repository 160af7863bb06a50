/**
 * Formulas in the notations that models write, told apart from money and from code.
 *
 * `$$…$$`, `\[…\]` and `\(…\)` always are formulas. `$…$` is one by pandoc's rule (no white space inside next to the marks, and no
 * digit after the second: https://pandoc.org/MANUAL.html#math), and nothing of an address or a word may touch it. All of them become `$$…$$`, which the parser is told to look for.
 */

const INLINE_DOLLARS = /(?<![\w=/&?])\$(?![\s$])((?:[^$\\\n]|\\[^\n])*?[^\s\\$])\$(?![\w$])/y;
const INLINE_PARENTHESES = /\\\(((?:[^\\\n]|\\[^()\n])+?)\\\)/y;
const DISPLAY_ENDS: Record<string, string> = { $$: "$$", "\\[": "\\]" };

/** The text with every formula marked the same way. Code is left alone. */
export function withMarks(text: string): string {
  if (!/[$\\]/.test(text)) return text;
  const scan = new Scan(text);
  let marked = "";
  let at = 0;
  for (let special = scan.next(0); special < text.length; special = scan.next(at)) {
    const { as, length } = scan.read(special);
    marked += text.slice(at, special) + as;
    at = special + length;
  }
  return marked + text.slice(at);
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

/** `as`: how it should be said. `length`: of what is written. `isOpen`: a formula begins, and does not end. */
interface Found {
  as: string;
  length: number;
  isOpen?: boolean;
}

class Scan {
  /** Ends that were looked for and do not come any more: they are not looked for again, or a long text would take for ever. */
  private readonly missing = new Set<string>();
  private readonly special = /[`$\\]/g;

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
    if (end !== undefined) return this.display(at, end) ?? { as: two === "$$" ? "\\$\\$" : two, length: 2, isOpen: true };
    const inline = stickyMatch(INLINE_PARENTHESES, this.text, at) ?? stickyMatch(INLINE_DOLLARS, this.text, at);
    if (inline !== null) return { as: `$$${(inline[1] ?? "").trim()}$$`, length: inline[0].length };
    if (two === "\\(") return { as: two, length: 2, isOpen: !this.text.includes("\n", at) };
    return { as: two.startsWith("\\") ? two : "$", length: two.startsWith("\\") ? two.length : 1 };
  }

  private display(at: number, mark: string): Found | null {
    const end = this.find(mark, at + 2);
    if (end === -1 || this.text.slice(at + 2, end).trim() === "") return null;
    const formula = this.text.slice(at + 2, end).trim();
    const length = end + 2 - at;
    const indent = this.indent(at);
    if (indent === null || !this.endsLine(at + length)) return { as: `$$${formula.replaceAll("\n", " ")}$$`, length };
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

function stickyMatch(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
