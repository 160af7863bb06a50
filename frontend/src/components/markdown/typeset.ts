/** Formulas as they are printed, loaded when the first one is seen. */

import katex from "katex";
import "katex/dist/katex.min.css";

/** Elements inside one another; a browser dies of some thousands when it lays them out. */
const DEPTH = 200;

/** Puts the formula into the element; false where it cannot be read, or goes too deep. Builds nodes, never markup. */
export function typeset(formula: string, display: boolean, element: HTMLElement): boolean {
  try {
    const place = document.createElement("span");
    katex.render(formula, place, { displayMode: display, throwOnError: true, trust: false, strict: "ignore", maxExpand: 200, maxSize: 50 });
    if (depthOf(place) > DEPTH) return false;
    element.replaceChildren(place);
    return true;
  } catch {
    return false;
  }
}

function depthOf(root: Element): number {
  let most = 0;
  let level: Element[] = [root];
  for (; level.length > 0; most++) level = level.flatMap(({ children }) => [...children]);
  return most;
}
