/** Formulas as they are printed, loaded when the first one is seen. */

import katex from "katex";
import "katex/contrib/mhchem";
import "katex/dist/katex.min.css";

import { isTooDeep } from "./depth";

/** Puts the formula into the element; false where it cannot be read, or goes too deep. Builds nodes, never markup. */
export function typeset(formula: string, display: boolean, element: HTMLElement): boolean {
  try {
    const place = document.createElement("span");
    katex.render(formula, place, {
      displayMode: display,
      throwOnError: true,
      trust: false,
      strict: "ignore",
      maxExpand: 200,
      maxSize: 50,
    });
    if (isTooDeep(place)) return false;
    element.replaceChildren(place);
    return true;
  } catch {
    return false;
  }
}
