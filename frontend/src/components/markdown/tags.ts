/**
 * The HTML that markdown may contain: a few names, without attributes. All other HTML stays text.
 *
 * The parser reads tags as pieces of HTML; here an opening piece and its closing one become an element. Nothing is parsed as HTML.
 */

import type { Nodes, Parents, RootContent } from "mdast";

const INLINE = new Set(["sub", "sup", "kbd"]);
const FLOW = new Set(["details", "summary"]);
const NAMES = [...INLINE, ...FLOW, "br"];
const CONTAINERS = new Set(["root", "blockquote", "listItem", "footnoteDefinition"]);

const TAG = /^<(\/?)([a-z]+)[ \t]*>$/i;
const BREAKS = /^(?:[ \t]*<br[ \t]*\/?>[ \t]*)+$/i;
const FLOW_TAG = /(<\/?(?:details|summary)>)/i;
const BEFORE = /^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?/;
const BEGINS = /^<\/?(?:details|summary)>/i;
const ENDS = /<\/(?:details|summary)>[ \t]*$/i;
const FENCE = /^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(`{3,}(?=[^`]*$)|~{3,})/;

/** The text with each tag of `<details>` and `<summary>` in a paragraph of its own, so that markdown between them is read. */
export function withTagsApart(text: string): string {
  if (!/<(?:details|summary|br)/i.test(text)) return text;
  let fence: string | null = null;
  let isBlank = true;
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    const mark = FENCE.exec(line)?.[1];
    if (fence === null && mark !== undefined) fence = mark;
    else if (fence !== null && mark?.startsWith(fence) === true) fence = null;
    if (fence !== null || mark !== undefined) lines.push(line);
    else if (isBlank && BREAKS.test(line)) lines.push(line, "");
    else lines.push(...apart(line));
    isBlank = line.trim() === "";
  }
  return lines.join("\n");
}

/** A line that begins or ends with such a tag, as several. */
function apart(line: string): string[] {
  const before = BEFORE.exec(line)?.[0] ?? "";
  const rest = line.slice(before.length);
  if (!BEGINS.test(rest) && !ENDS.test(rest)) return [line];
  const after = before.replaceAll(/[^>\s]/g, " ");
  const pieces = rest.split(FLOW_TAG).filter((piece) => piece.trim() !== "");
  return pieces.flatMap((piece, at) => [(at === 0 ? before : after) + piece.trim(), after.trimEnd()]);
}

/** A growing text without the beginning of a tag at its end. */
export function withoutHalfTag(text: string): string {
  const half = /<\/?([a-z]*)[ \t]*\/?$/i.exec(text);
  if (half === null) return text;
  const begun = (half[1] ?? "").toLowerCase();
  return NAMES.some((name) => name.startsWith(begun)) ? text.slice(0, half.index) : text;
}

/** How many `<details>` a line opens, less those that it closes. */
export function opened(line: string): number {
  if (!line.includes("<")) return 0;
  return (line.match(/<details>/gi)?.length ?? 0) - (line.match(/<\/details>/gi)?.length ?? 0);
}

/** For `remarkPlugins`. `growing`: what is open at the end will be closed. */
export function remarkTags({ growing }: { growing: boolean }): (tree: Nodes) => void {
  return (tree) => nest(tree, growing);
}

function nest(node: Nodes, growing: boolean): void {
  if (!("children" in node)) return;
  for (const child of node.children) nest(child, growing);
  if (node.children.some(({ type }) => type === "html")) node.children = nested(node, growing);
}

interface Open {
  name: string;
  at: number;
}

function nested(parent: Parents, growing: boolean): RootContent[] {
  const isFlow = CONTAINERS.has(parent.type);
  const allowed = isFlow ? FLOW : INLINE;
  const found: RootContent[] = [];
  const open: Open[] = [];
  const close = (to: number): void => {
    for (let last = open.pop(); last !== undefined; last = open.pop()) {
      const inside = found.splice(last.at + 1);
      found[last.at] = element(last.name, inside);
      if (open.length <= to) return;
    }
  };
  for (const child of parent.children) {
    if (child.type === "html" && BREAKS.test(child.value)) {
      const breaks = child.value.match(/</g)?.map((): RootContent => ({ type: "break" })) ?? [];
      found.push(...(isFlow ? [{ type: "paragraph", children: breaks } as RootContent] : breaks));
      continue;
    }
    const [, slash = "", written = ""] = child.type === "html" ? (TAG.exec(child.value) ?? []) : [];
    const name = written.toLowerCase();
    const isOurs = allowed.has(name) && (name !== "summary" || open.some((one) => one.name === "details"));
    if (isOurs && slash === "") open.push({ name, at: found.length });
    const at = isOurs && slash !== "" ? open.findLastIndex((one) => one.name === name) : -1;
    if (at === -1) found.push(child);
    else if (open.slice(at + 1).every((one) => FLOW.has(one.name))) close(at);
    else {
      open.length = at + 1; // what was opened inside and never closed stays as it is written
      close(at);
    }
  }
  if (open.length > 0 && (isFlow || growing)) close(0);
  return found;
}

function element(name: string, children: RootContent[]): RootContent {
  const [only] = children;
  const inside = name === "summary" && children.length === 1 && only?.type === "paragraph" ? only.children : children;
  const first = name === "details" ? inside.findIndex(isSummary) : -1;
  const ordered = first > 0 ? [...inside.slice(first, first + 1), ...inside.slice(0, first), ...inside.slice(first + 1)] : inside;
  return { type: "element", data: { hName: name }, children: ordered } as unknown as RootContent;
}

function isSummary(node: RootContent): boolean {
  return (node.data as { hName?: string } | undefined)?.hName === "summary";
}
