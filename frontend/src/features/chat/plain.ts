/** The text of a message as it stands on the page, without its marks: what somebody can look for. */

import { fromMarkdown } from "mdast-util-from-markdown";

import { textOf } from "../../protocol/parts";
import { folded, type Folded } from "../../protocol/occurrences";
import type { Row } from "../../stores/rows";

const known = new WeakMap<object, Folded>();

/** The text of a stored message, folded; null for what has no place of its own yet. */
export function textToFind(row: Row): Folded | null {
  if (row.kind === "asked" || row.message === null) return null;
  const { message } = row;
  let text = known.get(message);
  if (text === undefined) {
    text = folded(row.kind === "turn" ? textOf(message.parts) : plain(message.content));
    known.set(message, text);
  }
  return text;
}

interface Node {
  type: string;
  value?: string;
  alt?: string | null;
  children?: Node[];
}

const INLINE = new Set(["text", "inlineCode", "emphasis", "strong", "link", "linkReference", "delete", "image", "imageReference"]);

export function plain(markdown: string): string {
  const written: string[] = [];
  const walk = (node: Node): void => {
    if (node.type === "image" || node.type === "imageReference") written.push(node.alt ?? "");
    if (node.value !== undefined) written.push(node.value);
    for (const child of node.children ?? []) walk(child);
    if (!INLINE.has(node.type)) written.push("\n");
  };
  walk(fromMarkdown(markdown) as Node);
  return written.join("");
}

/** Words of the page itself, and what stands there twice. */
const NOT_SAID = "figcaption, button, .katex-mathml, [hidden]";
const BLOCKS = "p, li, h1, h2, h3, h4, h5, h6, td, th, pre, blockquote, .lines, .said, .markdown";

/** Where a text stands in a message on the page. */
export function rangesIn(message: Element, find: (text: Folded) => [number, number][]): Range[] {
  const pieces: { node: Text; at: number }[] = [];
  let text = "";
  for (const body of message.querySelectorAll(".said, .markdown")) {
    if (body.closest(".thoughts") !== null) continue;
    const walker = document.createTreeWalker(body, NodeFilter.SHOW_TEXT);
    let block: Element | null = null;
    while (walker.nextNode()) {
      const node = walker.currentNode as Text;
      const parent = node.parentElement;
      if (parent === null || parent.closest(NOT_SAID) !== null) continue;
      const own = parent.closest(BLOCKS);
      if (own !== block && text !== "") text += "\n";
      block = own;
      pieces.push({ node, at: text.length });
      text += node.data;
    }
  }
  return find(folded(text)).map(([start, end]) => {
    const range = document.createRange();
    const [first, last] = [pieceAt(pieces, start), pieceAt(pieces, end - 1)];
    if (first) range.setStart(first.node, start - first.at);
    if (last) range.setEnd(last.node, Math.min(end - last.at, last.node.length));
    return range;
  });
}

function pieceAt(pieces: { node: Text; at: number }[], position: number): { node: Text; at: number } | undefined {
  return pieces.findLast(({ at }) => at <= position);
}
