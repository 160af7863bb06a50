/**
 * Documents inside of a message. The model is given them in front of what was asked, each as
 *
 *     <document name="report.pdf" characters="48210">
 *     the text
 *     </document>
 *
 * The count (UTF-16 units) makes it certain where a text ends, whatever stands in it.
 */

export interface Document {
  name: string;
  text: string;
}

const OPENING = /^<document name="([^"\n]*)" characters="(\d{1,7})">\n/;
const CLOSING = "\n</document>\n\n";

/** The content of a message that has these documents. */
export function withDocuments(documents: readonly Document[], text: string): string {
  return documents.map((document) => written(document)).join("") + text;
}

/** The documents of a message, and what was asked. */
export function apart(content: string): { documents: Document[]; text: string } {
  const documents: Document[] = [];
  let rest = content;
  for (let opening = OPENING.exec(rest); opening !== null; opening = OPENING.exec(rest)) {
    const [line, name = "", count] = opening;
    const end = line.length + Number(count);
    if (!rest.startsWith(CLOSING, end)) break;
    documents.push({ name, text: rest.slice(line.length, end) });
    rest = rest.slice(end + CLOSING.length);
  }
  return { documents, text: rest };
}

function written({ name, text }: Document): string {
  return `<document name="${name.replaceAll(/["\n]/g, "'")}" characters="${text.length}">\n${text}${CLOSING}`;
}
