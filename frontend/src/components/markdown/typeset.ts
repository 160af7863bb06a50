/** Formulas as they are printed, loaded when the first one is seen. */

import katex from "katex";
import "katex/dist/katex.min.css";

/** Puts the formula into the element; false where it cannot be read. Builds nodes, never markup. */
export function typeset(formula: string, display: boolean, element: HTMLElement): boolean {
  try {
    katex.render(formula, element, { displayMode: display, throwOnError: true, trust: false, strict: "ignore", maxExpand: 200, maxSize: 50 });
    return true;
  } catch {
    return false;
  }
}
