import { Component, createRef, createElement, type ReactNode } from "react";

interface Props {
  tag: "div" | "code";
  className?: string;
  dir?: "ltr";
  children: ReactNode;
}

/** Where a selection begins and ends, counted in characters of the text around it. */
interface Selected {
  anchor: number;
  focus: number;
}

/**
 * Keeps what somebody has selected while the text in it grows. A new value of a text node takes the selection out of it; it is put back
 * at the same characters.
 */
export class KeepsSelection extends Component<Props> {
  private readonly box = createRef<HTMLElement>();

  override getSnapshotBeforeUpdate(): Selected | null {
    const box = this.box.current;
    const selection = document.getSelection();
    if (box === null || selection === null || selection.isCollapsed) return null;
    const { anchorNode, anchorOffset, focusNode, focusOffset } = selection;
    if (!box.contains(anchorNode) && !box.contains(focusNode)) return null;
    return { anchor: countTo(box, anchorNode, anchorOffset), focus: countTo(box, focusNode, focusOffset) };
  }

  override componentDidUpdate(_props: unknown, _state: unknown, before: Selected | null): void {
    const box = this.box.current;
    const selection = document.getSelection();
    if (before === null || box === null || selection === null) return;
    const { anchorNode, anchorOffset, focusNode, focusOffset } = selection;
    const isKept =
      countTo(box, anchorNode, anchorOffset) === before.anchor && countTo(box, focusNode, focusOffset) === before.focus;
    if (isKept) return;
    const [from, at] = placeOf(box, before.anchor) ?? [anchorNode, anchorOffset];
    const [to, end] = placeOf(box, before.focus) ?? [focusNode, focusOffset];
    if (from !== null && to !== null) selection.setBaseAndExtent(from, at, to, end);
  }

  override render(): ReactNode {
    const { tag, children, ...attributes } = this.props;
    return createElement(tag, { ...attributes, ref: this.box }, children);
  }
}

const OUTSIDE = -1;

function countTo(box: Node, node: Node | null, offset: number): number {
  if (node === null || !box.contains(node)) return OUTSIDE;
  const range = document.createRange();
  range.setStart(box, 0);
  range.setEnd(node, offset);
  return range.toString().length;
}

/** The place after so many characters. */
function placeOf(box: Node, count: number): [Node, number] | null {
  if (count === OUTSIDE) return null;
  const texts = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
  let left = count;
  for (let text = texts.nextNode(); text !== null; text = texts.nextNode()) {
    const length = text.nodeValue?.length ?? 0;
    if (left <= length) return [text, left];
    left -= length;
  }
  return null;
}
