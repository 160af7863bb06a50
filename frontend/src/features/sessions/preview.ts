/** The beginning of a session's newest message, in one line of the list. */

const DOCUMENT = /^<document name="([^"]*)"[^>]*>/;
const MARKUP = /^\s{0,3}(?:#{1,6}|>|[-+]|\d+[.)]|```\w*)\s+|[*`|]+|~~|(?<!\w)_+|_+(?!\w)/gm;

/** Without the marks of headings, lists, quotes, emphasis and code; a document is its name. */
export function previewOf(text: string | null): string {
  return (text ?? "").replace(DOCUMENT, "$1 ").replace(MARKUP, "").replace(/\s+/g, " ").trim();
}
