/** Where the focus goes in the list: by arrow keys, and when the entry that had it disappears. */

import type { KeyboardEvent } from "react";

import { focusTarget } from "../../components/focus";

/** The link that begins a session. */
export const [newSessionRef, focusNewSession] = focusTarget<HTMLAnchorElement>();

/** What the arrow keys go through: conversations, folders, buttons for more. */
export function rowsOf(list: Element | null): HTMLElement[] {
  return [...(list?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
}

/** Moves the focus from row to row. In a field or a menu the keys mean something else. */
export function onListKey(event: KeyboardEvent<HTMLElement>): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const rows = rowsOf(event.currentTarget);
  const at = rows.findIndex((row) => row === document.activeElement);
  if (at === -1) return;
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  rows[to]?.focus();
  rows[to]?.scrollIntoView({ block: "nearest" }); // it may have the focus already, and more stands before it now
}
