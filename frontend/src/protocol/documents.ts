/**
 * How long a message is. Its documents are written in front of the text, each as
 *
 *     <document name="report.pdf" characters="48210">
 *     the text
 *     </document>
 *
 * and a blank line. The gateway writes them so (`protocol/documents.py`); here only the length matters.
 */

import type { Document } from "./parts";

/** The message in its written form. `characters` counts UTF-16 units; quotes and line ends in a name become `'`. */
export function written(documents: readonly Document[], text: string): string {
  return documents.map((document) => marked(document)).join("") + text;
}

function marked({ name, text }: Document): string {
  return `<document name="${name.replaceAll(/["\n]/g, "'")}" characters="${text.length}">\n${text}\n</document>\n\n`;
}
