/** Where the sentence that is being spoken stands on the page. Sentences are found one after the other, by their letters alone. */

import type { Sentence } from "../../protocol/sentences";

/** What is not read out, and words of the page itself. */
const NOT_SAID = "pre, table, figcaption, button, .katex, .footnote-mark, [hidden]";
/** How much of the page is looked through for one sentence. */
const FAR_LETTERS = 20_000;

interface Letter {
  node: Text;
  at: number;
}

/** A place between two letters: in a block, behind so many of its letters. */
interface Cursor {
  block: number;
  letters: number;
}

/** Follows the sentences of one message. */
export class SpokenPlace {
  /** How many sentences were found, and where the last of them ends. */
  private passed = 0;
  private cursor: Cursor = { block: 0, letters: 0 };

  constructor(private readonly message: Element) {}

  /** Where a sentence stands; null: nowhere, such as one that names code. */
  rangeOf(sentences: readonly Sentence[], at: number): Range | null {
    if (at < this.passed) [this.passed, this.cursor] = [0, { block: 0, letters: 0 }];
    const blocks = [...this.message.querySelectorAll(":scope > .markdown > .blocks > *")];
    for (; this.passed < at; this.passed++) {
      const found = find(blocks, this.cursor, sentences[this.passed]);
      if (found !== null) this.cursor = found.behind;
    }
    return find(blocks, this.cursor, sentences[at])?.range ?? null;
  }
}

function find(blocks: readonly Element[], from: Cursor, sentence: Sentence | undefined): { range: Range; behind: Cursor } | null {
  const wanted = (sentence?.written ?? []).map(lettersOf).filter((piece) => piece !== "");
  const letters: Letter[] = [];
  const begins: number[] = [];
  let text = "";
  for (let block = from.block; block < blocks.length && text.length < FAR_LETTERS; block++) {
    begins.push(text.length);
    for (const letter of inBlock(blocks[block])) {
      letters.push(letter);
      text += letter.node.data[letter.at] ?? "";
    }
    const place = placeOf(text.toLowerCase(), from.letters, wanted);
    if (place === null) continue;
    const [first, last] = [letters[place.start], letters[place.end - 1]];
    if (first === undefined || last === undefined) return null;
    const range = document.createRange();
    range.setStart(first.node, first.at);
    range.setEnd(last.node, last.at + 1);
    const own = begins.findLastIndex((start) => start < place.end);
    return { range, behind: { block: from.block + own, letters: place.end - (begins[own] ?? 0) } };
  }
  return null;
}

/** Where all pieces stand one after the other. */
function placeOf(text: string, from: number, pieces: readonly string[]): { start: number; end: number } | null {
  let [start, end] = [-1, from];
  for (const piece of pieces) {
    const at = text.indexOf(piece, end);
    if (at === -1) return null;
    if (start === -1) start = at;
    end = at + piece.length;
  }
  return start === -1 ? null : { start, end };
}

const LETTER = /[\p{L}\p{N}]/u;
const LETTERS = /[\p{L}\p{N}]/gu;

function lettersOf(text: string): string {
  return (text.match(LETTERS) ?? []).join("").toLowerCase();
}

/** The letters of a block that may be said, each half of a pair by itself. */
function inBlock(block: Element | undefined): Letter[] {
  if (block === undefined || block.matches(NOT_SAID)) return [];
  const found: Letter[] = [];
  const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode as Text;
    if (!LETTER.test(node.data) || node.parentElement?.closest(NOT_SAID) != null) continue;
    for (const { 0: sign, index } of node.data.matchAll(LETTERS))
      for (let half = 0; half < sign.length; half++) found.push({ node, at: index + half });
  }
  return found;
}
