/**
 * What blocks of a text refer to in one another: `[text][label]` in one and `[label]: address` in another, `[^1]` and `[^1]: note`.
 * Each block is parsed by itself, so each is given what it refers to; and a definition that nothing refers to stays in sight.
 */

import type { Nodes, Definition } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFootnoteFromMarkdown } from "mdast-util-gfm-footnote";
import { gfmFootnote } from "micromark-extension-gfm-footnote";

import type { Block } from "./blocks";
import { bounded } from "./bounds";

/** What a block needs to know of the others. Strings, so that a block whose surroundings say the same is not rendered again. */
export interface Surroundings {
  /** Definitions that other blocks have, as markdown, to be put in front. */
  before: string;
  /** Labels that this block defines and something refers to: they need not be shown. One a line. */
  hidden: string;
}

/** Blocks with definitions are read twice: behind so many letters of them they are text like any other. */
const MOST = 16_384;
const ALONE: Surroundings = { before: "", hidden: "" };
const NONE: Surroundings[] = [];
const OPTIONS = { extensions: [gfmFootnote()], mdastExtensions: [gfmFootnoteFromMarkdown()] };
const LABEL = /\[((?:[^[\]\\]|\\[^]){1,999})\]/g;

/** What one block holds by itself. */
interface Mentions {
  /** Everything in brackets, as labels are compared. */
  labels: Set<string>;
  links: Map<string, string>;
  notes: Set<string>;
}

export class References {
  private readonly mentions = new WeakMap<Block, Mentions>();
  private readonly used = new WeakMap<Block, { before: string; labels: Set<string> }>();
  private last: Surroundings[][] = [];

  /** For each group, for each of its blocks; an empty list for a group that needs nothing. The same objects as long as they say the same. */
  of(groups: Block[][]): Surroundings[][] {
    const links = new Map<string, { block: Block; source: string }>();
    const notes = new Set<string>();
    let read = 0;
    for (const block of groups.flat()) {
      if (block.kind === "markdown" && read > MOST && !this.mentions.has(block))
        this.mentions.set(block, withoutDefinitions(block.text));
      const mentions = this.mentionsOf(block);
      if (block.text.includes("]:")) read += block.text.length;
      for (const [label, source] of mentions?.links ?? []) if (!links.has(label)) links.set(label, { block, source });
      for (const label of mentions?.notes ?? []) notes.add(label);
    }
    if (links.size === 0 && notes.size === 0) return (this.last = []);
    const before = (block: Block): string => {
      const mentions = this.mentionsOf(block);
      if (mentions === null) return "";
      const wanted = [...mentions.labels].map((label) => {
        if (label.startsWith("^")) return notes.has(label) && !mentions.notes.has(label) ? `[${label}]: .` : undefined;
        const link = links.get(label);
        return link?.block === block ? undefined : link?.source;
      });
      return wanted
        .filter((one) => one !== undefined)
        .map((one) => `${one}\n\n`)
        .join("");
    };
    const befores = groups.map((group) => group.map(before));
    const used = new Set<string>();
    groups.forEach((group, g) =>
      group.forEach((block, b) => this.usedBy(block, befores[g]?.[b] ?? "", links).forEach((label) => used.add(label))),
    );
    const now = groups.map((group, g) =>
      group.map((block, b) => {
        const own = [...(this.mentionsOf(block)?.links.keys() ?? [])];
        const hidden = own.filter((label) => used.has(label) && links.get(label)?.block === block).join("\n");
        return { before: befores[g]?.[b] ?? "", hidden };
      }),
    );
    return (this.last = now.map((group, at) => kept(this.last[at], group)));
  }

  private mentionsOf(block: Block): Mentions | null {
    if (block.kind !== "markdown" || !block.text.includes("[")) return null;
    let mentions = this.mentions.get(block);
    if (mentions === undefined) {
      mentions = read(block.text);
      this.mentions.set(block, mentions);
    }
    return mentions;
  }

  /** Labels of known links that the block really refers to: what stands in brackets may also be code, or nothing but brackets. */
  private usedBy(block: Block, before: string, links: ReadonlyMap<string, unknown>): Set<string> {
    const mentions = this.mentionsOf(block);
    if (mentions === null || ![...mentions.labels].some((label) => links.has(label))) return new Set();
    let known = this.used.get(block);
    if (known?.before !== before) {
      const labels = new Set<string>();
      for (const node of nodes(before + bounded(block.text))) {
        if (node.type === "linkReference" || node.type === "imageReference") labels.add(node.identifier);
      }
      known = { before, labels };
      this.used.set(block, known);
    }
    return known.labels;
  }
}

function withoutDefinitions(text: string): Mentions {
  const labels = new Set<string>();
  for (const [, label = ""] of text.matchAll(LABEL))
    labels.add(label.replaceAll(/\s+/g, " ").trim().toLowerCase().toUpperCase().toLowerCase());
  return { labels, links: new Map(), notes: new Set() };
}

function read(text: string): Mentions {
  const mentions = withoutDefinitions(text);
  if (!text.includes("]:")) return mentions;
  for (const node of nodes(bounded(text))) {
    if (node.type === "definition" && !mentions.links.has(node.identifier)) mentions.links.set(node.identifier, written(node));
    else if (node.type === "footnoteDefinition") mentions.notes.add(`^${node.identifier}`);
  }
  return mentions;
}

function* nodes(markdown: string): Generator<Nodes> {
  const waiting: Nodes[] = [fromMarkdown(markdown, OPTIONS)];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    yield node;
    if ("children" in node) waiting.push(...node.children.toReversed());
  }
}

/** A definition on a line of its own. */
function written({ identifier, url, title }: Definition): string {
  const address = url.replaceAll(/[<>\\&]/g, "\\$&").replaceAll("\n", "%0A");
  return `[${identifier}]: <${address}>${title == null ? "" : ` "${title.replaceAll(/["\\&]/g, "\\$&")}"`}`;
}

function kept(before: Surroundings[] | undefined, now: Surroundings[]): Surroundings[] {
  if (now.every(({ before: one, hidden }) => one === "" && hidden === "")) return NONE;
  const isSame =
    before?.length === now.length && now.every((one, at) => one.before === before[at]?.before && one.hidden === before[at].hidden);
  return isSame ? before : now;
}

/** What a block needs to know when nothing is known of the others. */
export function surroundings(list: Surroundings[] | undefined, at: number): Surroundings {
  return list?.[at] ?? ALONE;
}
