/** A growing markdown text as blocks: all but the last are settled, so only the last one is rendered again when text comes. */

import { decodeString } from "micromark-util-decode-string";

interface Code {
  kind: "code";
  /** All that stands behind the opening fence; its first word is the language. */
  info: string;
  text: string;
  closed: boolean;
  /** A last line that may become the closing fence; not shown while more may come. */
  rest: string;
}
export type Block = { kind: "markdown"; text: string } | Code;

/** Blocks come in groups of this many, so that a very long text costs few comparisons. */
export const GROUP = 8;
/** A list longer than this is cut between two of its items: a list has no end that could be seen before the next text comes. */
const LONG_LIST = 4096;

const FENCE = /^( {0,3})(`{3,}(?=[^`]*$)|~{3,})(.*)$/;
const INNER_FENCE = /^\s*(?:(?:[-*+]|\d{1,9}[.)])\s+)*(`{3,}(?=[^`]*$)|~{3,})/;
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
  of(written: string): Block[][] {
    const text = written.includes("\r") ? written.replaceAll(/\r\n?/g, "\n") : written;
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

/** Code between fences: how it begins, and where. */
interface Fence {
  indent: number;
  mark: string;
  info: string;
  body: number;
}

/** The blocks from an offset on, how many of them are settled, and where the next one begins. */
function split(text: string, from: number): { blocks: Block[]; settled: number; at: number } {
  const blocks: Block[] = [];
  let settled = 0;
  let at = from; // where the open block begins
  let fence: Fence | null = null;
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
        blocks.push(code(fence, text.slice(fence.body, Math.max(fence.body, line - 1)), true));
        [settled, at, fence, blank] = [blocks.length, next, null, false];
      }
    } else if (math !== null) {
      if (said.trim() === math) math = null;
    } else if (inner !== null) {
      if (closes(said.trimStart(), inner)) inner = null;
    } else {
      const opening = list && /^ {2}/.test(said) ? null : FENCE.exec(said); // an indented fence belongs to the list; another one ends it
      const begins = blank && said.trim() !== "" && !/^\s/.test(said) && !(list && LIST.test(said));
      const isCut = list && newline !== -1 && line - at > LONG_LIST && OUTER_ITEM.test(said);
      if (line > at && (begins || isCut || (opening !== null && newline !== -1))) {
        blocks.push({ kind: "markdown", text: text.slice(at, line) });
        [settled, at, list] = [blocks.length, line, false];
      }
      if (line === at) list = LIST.test(said);
      if (list) inner = INNER_FENCE.exec(said)?.[1] ?? null;
      const fenced = list ? null : FENCE.exec(said);
      if (fenced !== null && newline !== -1) {
        const [, indent = "", mark = "```", info = ""] = fenced;
        fence = { indent: indent.length, mark, info: decodeString(info.trim()), body: next };
        at = line;
      }
      math = { $$: "$$", "\\[": "\\]" }[said.trim()] ?? null;
      blank = said.trim() === "";
    }
    line = next;
  }
  if (fence !== null) blocks.push(open(fence, text));
  else if (at < text.length) blocks.push({ kind: "markdown", text: text.slice(at) });
  return { blocks, settled, at };
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
