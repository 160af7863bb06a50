/** What the elements of a block are told: in which direction they are read, and where the end of a growing text is. */

import type { Element, Nodes, Root } from "hast";

const BLOCKS = new Set("p h1 h2 h3 h4 h5 h6 ul ol blockquote table section details".split(" "));
/** In these the caret stands behind what they end with; others are part of their line. */
const LINES = new Set("p h1 h2 h3 h4 h5 h6 li td th summary".split(" "));

/** For `rehypePlugins`: each block is read in the direction of its first letter. What is inside of it follows its own (markdown.css). */
export function rehypeDirections(): (tree: Root) => void {
  return (tree) => {
    for (const node of tree.children) if (node.type === "element" && BLOCKS.has(node.tagName)) node.properties["dir"] = "auto";
  };
}

/** For `rehypePlugins`: marks the line where the text ends. */
export function rehypeCaret(): (tree: Root) => void {
  return (tree) => {
    const line = lastLine(tree, null);
    if (line !== null) line.properties["className"] = [classes(line), "caret"].flat();
  };
}

function lastLine(node: Nodes, line: Element | null): Element | null {
  if (!("children" in node)) return null;
  const around = node.type === "element" && LINES.has(node.tagName) ? node : line;
  for (const child of node.children.toReversed()) {
    if (child.type === "text" && child.value.trim() !== "") return around;
    if (child.type !== "element") continue;
    if (child.tagName === "pre") return around;
    const found = lastLine(child, around);
    if (found !== null) return found;
    if (child.tagName === "li") return child; // an item that has only begun
  }
  return null;
}

function classes({ properties }: Element): string[] {
  const names = properties["className"];
  return Array.isArray(names) ? names.map(String) : [];
}
