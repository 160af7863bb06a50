/** How parts of markdown become elements where the usual way loses what is written. */

import type { Definition, FootnoteDefinition, FootnoteReference, Html, Parents, Table } from "mdast";
import type { Element, ElementContent } from "hast";
import { defaultHandlers, type State } from "mdast-util-to-hast";

/** `source`: what was parsed. `from`: where the block itself begins in it. `hidden`: labels of definitions that need not be shown. */
export function handlers(source: string, from: number, hidden: ReadonlySet<string>) {
  return {
    /** A definition that nothing refers to is a line like any other. */
    definition(_state: State, node: Definition): Element | undefined {
      const { start, end } = node.position ?? {};
      if (start?.offset === undefined || start.offset < from || hidden.has(node.identifier)) return undefined;
      return asWritten(source.slice(start.offset, end?.offset));
    },

    /** A note stands where it was written, whether something refers to it or not. */
    footnoteDefinition(state: State, node: FootnoteDefinition): Element | undefined {
      if ((node.position?.start.offset ?? from) < from) return undefined;
      const label = node.label ?? node.identifier;
      return { type: "element", tagName: "section", properties: { label }, children: state.all(node) };
    },

    footnoteReference(_state: State, node: FootnoteReference): Element {
      return {
        type: "element",
        tagName: "sup",
        properties: { label: node.label ?? node.identifier },
        children: [{ type: "text", value: node.label ?? node.identifier }],
      };
    },

    /** Cells that the head of the table has no column for stand there all the same. */
    table(state: State, node: Table): Element {
      const columns = Math.max(...node.children.map(({ children }) => children.length));
      const align = Array.from({ length: columns }, (_, at) => node.align?.[at] ?? null);
      return defaultHandlers.table(state, { ...node, align });
    },

    /** Markup is not obeyed; where it stands alone its lines stay lines. */
    html(_state: State, node: Html, parent: Parents | undefined): ElementContent {
      return parent !== undefined && FLOW.has(parent.type) ? asWritten(node.value) : { type: "text", value: node.value };
    },
  };
}

const FLOW = new Set(["root", "blockquote", "listItem", "footnoteDefinition"]);

function asWritten(value: string): Element {
  return {
    type: "element",
    tagName: "p",
    properties: { className: ["as-written"], dir: "auto" },
    children: [{ type: "text", value }],
  };
}
