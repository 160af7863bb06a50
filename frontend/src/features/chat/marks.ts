/** Marks in the text of messages that change nothing in the page, where the browser can paint them. */

export type Mark = "found" | "found-now" | "spoken";

export function paint(mark: Mark, ranges: readonly Range[]): void {
  if (!("highlights" in CSS)) return; // found, and brought into sight, all the same
  if (ranges.length === 0) CSS.highlights.delete(mark);
  else CSS.highlights.set(mark, new Highlight(...ranges));
}
