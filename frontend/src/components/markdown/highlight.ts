/** Colours for code, loaded when the first finished block of code is seen. */

import { toJsxRuntime } from "hast-util-to-jsx-runtime";
import { common, createLowlight } from "lowlight";
import type { ReactElement } from "react";
import { Fragment, jsx, jsxs } from "react/jsx-runtime";

const lowlight = createLowlight(common);

/** The code as elements; null for a language that is not known. */
export function highlighted(language: string, text: string): ReactElement | null {
  if (!lowlight.registered(language)) return null;
  const elements: unknown = toJsxRuntime(lowlight.highlight(language, text), { Fragment, jsx, jsxs });
  return elements as ReactElement;
}
