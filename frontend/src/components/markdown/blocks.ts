/** A growing markdown text as blocks: all but the last are settled, so only the last one is rendered again when text comes. */

export type Block = { kind: "markdown"; text: string } | { kind: "code"; language: string; text: string; closed: boolean };

/** Blocks come in groups of this many, so that a very long text costs few comparisons. */
export const GROUP = 8;
/** A list longer than this is cut between two of its items: a list has no end that could be seen before the next text comes. */
const LONG_LIST = 4096;

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^`\n]*)$/;
const LIST = /^ {0,3}([-*+]|\d{1,9}[.)])(\s|$)/;
const OUTER_ITEM = /^([-*+]|\d{1,9}[.)])\s/;

/** Give it the whole text each time; what it has settled it does not read again as long as the text only grows. */
export class Blocks {
  private groups: Block[][] = [];
  private settled: Block[] = [];
  private text = "";
  /** Where the first block begins that is not settled. */
  private from = 0;

  /** All blocks in groups; a group that is full is the same array each time. */
  of(text: string): Block[][] {
    if (!text.startsWith(this.text)) [this.groups, this.settled, this.from] = [[], [], 0];
    this.text = text;
    const { blocks, settled, at } = split(text, this.from);
    this.settled.push(...blocks.slice(0, settled));
    this.from = at;
    while (this.settled.length >= GROUP) this.groups.push(this.settled.splice(0, GROUP));
    const last = [...this.settled, ...blocks.slice(settled)];
    return last.length > 0 ? [...this.groups, last] : [...this.groups];
  }
}

/** The blocks from an offset on, how many of them are settled, and where the next one begins. */
function split(text: string, from: number): { blocks: Block[]; settled: number; at: number } {
  const blocks: Block[] = [];
  let settled = 0;
  let at = from; // where the open block begins
  let fence: { mark: string; language: string; body: number } | null = null;
  let math: string | null = null; // the line that ends the formula
  let blank = false;
  let list = false;
  let inner: string | null = null; // the mark of a fence inside of the list
  let line = from;
  while (line < text.length) {
    const newline = text.indexOf("\n", line);
    const end = newline === -1 ? text.length : newline;
    const next = newline === -1 ? text.length : newline + 1;
    const said = text.slice(line, end);
    if (fence !== null) {
      if (newline !== -1 && closes(said, fence.mark)) {
        blocks.push({ kind: "code", language: fence.language, text: text.slice(fence.body, Math.max(fence.body, line - 1)), closed: true });
        [settled, at, fence, blank] = [blocks.length, next, null, false];
      }
    } else if (math !== null) {
      if (said.trim() === math) math = null;
    } else if (inner !== null) {
      if (closes(said, inner)) inner = null;
    } else {
      const opening = list && /^ {2}/.test(said) ? null : FENCE.exec(said); // an indented fence belongs to the list; another one ends it
      const begins = blank && said.trim() !== "" && !/^\s/.test(said) && !(list && LIST.test(said));
      const isCut = list && newline !== -1 && line - at > LONG_LIST && OUTER_ITEM.test(said);
      if (line > at && (begins || isCut || (opening !== null && newline !== -1))) {
        blocks.push({ kind: "markdown", text: text.slice(at, line) });
        [settled, at, list] = [blocks.length, line, false];
      }
      if (line === at) list = LIST.test(said);
      if (list) inner = /^\s*(`{3,}|~{3,})[^`]*$/.exec(said)?.[1] ?? null;
      const fenced = list ? null : FENCE.exec(said);
      if (fenced !== null && newline !== -1) {
        fence = { mark: fenced[1] ?? "```", language: (fenced[2] ?? "").trim().split(/\s/)[0] ?? "", body: next };
        at = line;
      }
      math = { $$: "$$", "\\[": "\\]" }[said.trim()] ?? null;
      blank = said.trim() === "";
    }
    line = next;
  }
  if (fence !== null) blocks.push({ kind: "code", language: fence.language, text: text.slice(fence.body), closed: false });
  else if (at < text.length) blocks.push({ kind: "markdown", text: text.slice(at) });
  return { blocks, settled, at };
}

function closes(line: string, mark: string): boolean {
  const said = line.trim();
  return said.length >= mark.length && said === (mark[0] ?? "").repeat(said.length);
}
