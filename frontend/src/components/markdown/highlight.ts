/** Colours for code, loaded when the first finished block of code is seen. */

import { toJsxRuntime } from "hast-util-to-jsx-runtime";
import { common, createLowlight } from "lowlight";
import type { ReactElement } from "react";
import { Fragment, jsx, jsxs } from "react/jsx-runtime";

import { isTooDeep } from "./depth";

/** Each script in a script is read again for each one around it. */
const SCRIPTS = 20;

const lowlight = createLowlight(common);

/** The code as elements; null for a language that is not known, and for code that cannot be coloured. */
export function highlighted(language: string, text: string): ReactElement | null {
  if (!lowlight.registered(language) || scriptsInScripts(text) > SCRIPTS) return null;
  try {
    const tree = lowlight.highlight(language, text);
    if (isTooDeep(tree)) return null; // quoted code in quoted code, thousands of times
    const elements: unknown = toJsxRuntime(tree, { Fragment, jsx, jsxs });
    return elements as ReactElement;
  } catch {
    return null;
  }
}

function scriptsInScripts(text: string): number {
  return (text.match(/<script/gi)?.length ?? 0) - (text.match(/<\/script/gi)?.length ?? 0);
}
