/** A growing markdown text as blocks: all but the last are settled, so only the last one is rendered again when text comes. */

import { decodeString } from "micromark-util-decode-string";

import { HEAVIEST_LINE, HEAVY, MARK, weightOf } from "./bounds";
import { environmentOf, isRule } from "./math";
import { opened } from "./tags";

interface Code {
  kind: "code";
  /** All that stands behind the opening fence; its first word is the language. */
  info: string;
  text: string;
  closed: boolean;
  /** A last line that may become the closing fence; not shown while more may come. */
  rest: string;
}
interface Markdown {
  kind: "markdown";
  text: string;
}
/** A part of something too heavy to be read as markdown: it is shown as it is written. */
interface Written {
  kind: "written";
  text: string;
}
export type Block = Markdown | Code | Written;

/** Blocks come in groups of this many, so that a very long text costs few comparisons. */
export const GROUP = 8;
/** A list longer than this is cut between two of its items: a list has no end that could be seen before the next text comes. */
const LONG_LIST = 4096;
/** Parts of what is shown as it is written. */
const PIECE = 4096;
/** Heads of tables up to this are repeated where a table is cut. */
const HEAVIEST_HEAD = HEAVY / 4;

const FENCE = /^( {0,3})(`{3,}(?=[^`]*$)|~{3,})(.*)$/;
const INNER_FENCE = /^\s*(?:(?:[-*+]|\d{1,9}[.)])\s+)*(`{3,}(?=[^`]*$)|~{3,})/;
const LIST = /^ {0,3}([-*+]|\d{1,9}[.)])(\s|$)/;
const DETAILS = /^ {0,3}<details>/i;
const OUTER_ITEM = /^([-*+]|\d{1,9}[.)])\s/;

/** Give it the whole text each time; what it has settled it does not read again as long as the text only grows. */
export class Blocks {
  private groups: Block[][] = [];
  private settled: Block[] = [];
  private text = "";
  /** Where the first block begins that is not settled. */
  private from = 0;
  private rest: Rest = null;

  /** All blocks in groups; a group that is full is the same array each time. */
  of(written: string): Block[][] {
    const text = written.includes("\r") ? written.replaceAll(/\r\n?/g, "\n") : written;
    if (!text.startsWith(this.text)) [this.groups, this.settled, this.from, this.rest] = [[], [], 0, null];
    this.text = text;
    const { blocks, settled, at, rest } = split(text, this.from, this.rest);
    this.settled.push(...blocks.slice(0, settled));
    [this.from, this.rest] = [at, rest];
    for (let full = fullGroup(this.settled); full > 0; full = fullGroup(this.settled))
      this.groups.push(this.settled.splice(0, full));
    const last = [...this.settled, ...blocks.slice(settled)];
    return last.length > 0 ? [...this.groups, last] : [...this.groups];
  }
}

/** How many of these blocks make a group, which is built in one go; 0 while there are too few. */
function fullGroup(blocks: Block[]): number {
  let weight = 0;
  for (let count = 1; count <= blocks.length; count++) {
    const block = blocks[count - 1];
    weight += block?.kind === "markdown" ? weightOf(block.text) : (block?.text.length ?? 0);
    if (count === GROUP || weight > HEAVY) return count;
  }
  return 0;
}

/** Code between fences: how it begins, and where. */
interface Fence {
  indent: number;
  mark: string;
  info: string;
  body: number;
}

/** What goes on where a block was cut because it was too heavy: a line or a list as it is written, or a table with its head. */
type Rest = "line" | "lines" | { head: string } | null;

interface Split {
  blocks: Block[];
  settled: number;
  at: number;
  rest: Rest;
}

/** The blocks from an offset on, how many of them are settled, where the next one begins, and what it goes on with. */
function split(text: string, from: number, rest: Rest): Split {
  const blocks: Block[] = [];
  let settled = 0;
  let at = from; // where the open block begins
  let fence: Fence | null = null;
  let math: string | null = null; // the line that ends the formula
  let environment: string | null = null; // what the line contains that ends it
  let details = 0; // how many are open
  let blank = false;
  let list = false;
  let inner: string | null = null; // the mark of a fence inside of the list
  let weight = 0;
  let table: { head: string; rows: number; columns: number } | null = null;
  let before = from; // where the line before begins
  let line = from;
  const head = (): string => (typeof rest === "object" && rest !== null ? rest.head : "");
  const settle = (to: number): void => {
    if (to > at)
      blocks.push({ kind: rest === "line" || rest === "lines" ? "written" : "markdown", text: head() + text.slice(at, to) });
    [settled, at, weight, rest, table] = [blocks.length, to, 0, null, null];
  };
  if (typeof rest === "object" && rest !== null)
    table = { head: rest.head, rows: 2, columns: barsOf(rest.head.split("\n", 1)[0] ?? "") };
  while (line < text.length) {
    const newline = text.indexOf("\n", line);
    const end = newline === -1 ? text.length : newline;
    const next = newline === -1 ? text.length : newline + 1;
    const said = text.slice(line, end);
    const saidWeight = fence === null ? weightOf(said) : 0;
    if (rest === "line" || saidWeight > HEAVIEST_LINE) {
      if (rest !== "line") settle(line);
      rest = "line";
      for (let piece = pieceOf(text, at, end); piece < end; piece = pieceOf(text, at, end)) {
        blocks.push({ kind: "written", text: text.slice(at, piece) });
        [settled, at] = [blocks.length, piece];
      }
      if (newline !== -1) settle(next);
      [list, blank, inner, math, environment, details] = [false, false, null, null, null, 0];
      before = line;
      line = next;
      continue;
    }
    if (fence === null && line > at && weight > HEAVY) {
      const goesOn: Rest =
        table !== null && said.trim() !== ""
          ? 2 * table.columns * MARK < HEAVIEST_HEAD
            ? { head: table.head }
            : "lines"
          : list && !OUTER_ITEM.test(said)
            ? "lines"
            : null;
      const kept = table;
      settle(line);
      rest = goesOn;
      if (typeof goesOn === "object" && goesOn !== null && kept !== null) table = { ...kept, rows: 2 };
      details = 0;
    }
    if (fence !== null) {
      if (newline !== -1 && closes(said, fence.mark)) {
        blocks.push(code(fence, text.slice(fence.body, Math.max(fence.body, line - 1)), true));
        [settled, at, fence, blank, weight] = [blocks.length, next, null, false, 0];
      }
    } else if (math !== null) {
      if (said.trim() === math) math = null;
    } else if (environment !== null) {
      if (said.includes(environment)) environment = null;
    } else if (inner !== null) {
      if (closes(said.trimStart(), inner)) inner = null;
    } else if (details > 0) {
      inner = INNER_FENCE.exec(said)?.[1] ?? null;
      details += inner === null ? opened(said) : 0;
      if (newline !== -1 && details <= 0) {
        settle(next);
        [details, inner, blank] = [0, null, true];
      }
    } else {
      const isWritten = rest === "lines";
      const isInList = list || isWritten;
      const opening = isInList && /^ {2}/.test(said) ? null : FENCE.exec(said); // an indented fence belongs to the list; another one ends it
      const begins = blank && said.trim() !== "" && !/^\s/.test(said) && !(list && LIST.test(said));
      const isCut = (isWritten || (list && line - at > LONG_LIST)) && newline !== -1 && OUTER_ITEM.test(said);
      const unfolds = DETAILS.test(said) && opened(said) > 0 && !(isInList && /^ {2}/.test(said));
      if (line > at && (begins || isCut || unfolds || (opening !== null && newline !== -1))) {
        settle(line);
        list = false;
      } else if (isWritten && next - at > PIECE && newline !== -1) {
        settle(next);
        rest = "lines";
      }
      if (line === at) list = LIST.test(said);
      if (unfolds) details = opened(said);
      if (list) inner = INNER_FENCE.exec(said)?.[1] ?? null;
      const fenced = list || rest === "lines" ? null : FENCE.exec(said);
      if (fenced !== null && newline !== -1) {
        const [, indent = "", mark = "```", info = ""] = fenced;
        fence = { indent: indent.length, mark, info: decodeString(info.trim()), body: next };
        at = line;
        rest = null;
      }
      math = { $$: "$$", "\\[": "\\]" }[said.trim()] ?? null;
      const begun = environmentOf(said);
      environment = begun === null ? null : `\\end{${begun}}`;
      blank = said.trim() === "";
      if (blank) table = null;
      else if (table !== null) table = { ...table, rows: table.rows + 1, columns: Math.max(table.columns, barsOf(said)) };
      else if (line > at && newline !== -1 && isRule(said))
        table = { head: text.slice(before, next), rows: 2, columns: barsOf(text.slice(before, line)) };
      if (blank && typeof rest === "object" && rest !== null && line === at) rest = null;
    }
    if (at < next) weight = Math.max(weight + saidWeight, table === null ? 0 : table.rows * table.columns * MARK);
    before = line;
    line = next;
  }
  if (fence !== null) blocks.push(open(fence, text));
  else if (at < text.length)
    blocks.push({ kind: rest === "line" || rest === "lines" ? "written" : "markdown", text: head() + text.slice(at) });
  return { blocks, settled, at, rest };
}

function barsOf(line: string): number {
  return line.split("|").length;
}

/** Where a piece of a line ends that is shown as it is written: behind a space, or at least not inside of a character. */
function pieceOf(text: string, at: number, end: number): number {
  if (end - at <= PIECE) return end;
  const space = text.lastIndexOf(" ", at + PIECE);
  if (space > at + PIECE / 2) return space + 1;
  const piece = at + PIECE;
  return /[\uDC00-\uDFFF]/.test(text[piece] ?? "") ? piece + 1 : piece;
}

/** Code up to the end of the text. Its last line may be the closing fence: should more come that makes it code after all, it is read again. */
function open(fence: Fence, text: string): Block {
  const last = Math.max(text.lastIndexOf("\n") + 1, fence.body);
  const line = text.slice(last);
  const before = text.slice(fence.body, Math.max(fence.body, last - 1));
  if (closes(line, fence.mark)) return code(fence, before, true);
  const said = line.trim();
  if (said === "" || !fence.mark.startsWith(said)) return code(fence, text.slice(fence.body), false);
  return { ...code(fence, before, false), rest: last > fence.body ? `\n${line}` : line };
}

function code({ indent, info }: Fence, text: string, closed: boolean): Code {
  const flush = indent === 0 ? text : text.replaceAll(new RegExp(`^ {1,${indent}}`, "gm"), "");
  return { kind: "code", info, text: flush, closed, rest: "" };
}

/** Whether the line ends what such a mark began: at least as long, indented by three spaces at most, nothing behind it. */
function closes(line: string, mark: string): boolean {
  const said = /^ {0,3}(\S+)[ \t]*$/.exec(line)?.[1] ?? "";
  return said.length >= mark.length && said === (mark[0] ?? "").repeat(said.length);
}
