/** The cells of a table as text, and a table as text in the formats that other programs take. */

export type Rows = string[][];
export type Alignment = "left" | "center" | "right" | null;

/** Tabs between cells, as spreadsheets take it from the clipboard. */
export function asTsv(rows: Rows): string {
  return even(rows)
    .map((row) => row.map((cell) => cell.replaceAll(/\s*[\t\n]\s*/g, " ")).join("\t"))
    .join("\n");
}

/** RFC 4180: https://www.rfc-editor.org/rfc/rfc4180 */
export function asCsv(rows: Rows): string {
  const quoted = (cell: string): string => (/[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  return even(rows)
    .map((row) => `${row.map(quoted).join(",")}\r\n`)
    .join("");
}

/** GitHub's tables. The cells are markdown already. */
export function asMarkdown(rows: Rows, alignments: Alignment[]): string {
  const [head = [], ...body] = even(rows);
  const rule = head.map((_, at) => RULES[alignments[at] ?? "none"]);
  return [head, rule, ...body].map((row) => `| ${row.join(" | ")} |\n`).join("");
}

const RULES = { left: ":--", center: ":-:", right: "--:", none: "---" };

/** All rows as long as the longest. */
function even(rows: Rows): Rows {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  return rows.map((row) => [...row, ...Array.from({ length: columns - row.length }, () => "")]);
}

/** The rows of a table in the page, with each cell as `read` says. */
export function rowsOf(table: HTMLTableElement, read: (cell: Node) => string): Rows {
  return Array.from(table.rows, ({ cells }) => Array.from(cells, (cell) => read(cell).trim()));
}

export function alignmentsOf(table: HTMLTableElement): Alignment[] {
  const head = table.rows[0]?.cells ?? [];
  return Array.from(head, ({ style: { textAlign } }) =>
    textAlign === "left" || textAlign === "center" || textAlign === "right" ? textAlign : null,
  );
}

/** What stands there, without the words of the page: formulas as they were written. */
export function plain(node: Node): string {
  if (node.nodeType === Node.TEXT_NODE) return node.nodeValue ?? "";
  const kept = keptOf(node);
  if (kept !== null) return kept;
  return node.nodeName === "BR" ? "\n" : [...node.childNodes].map(plain).join("");
}

/** The same as markdown for one cell. */
export function marked(node: Node): string {
  if (node.nodeType === Node.TEXT_NODE) return escaped(node.nodeValue ?? "");
  const kept = keptOf(node);
  if (kept !== null) return kept.replaceAll(/\s*\n\s*/g, " ").replaceAll("|", "\\vert ");
  if (node.nodeName === "BR") return "<br>";
  if (node.nodeName === "CODE") return codeSpan(node.textContent ?? "");
  const inside = [...node.childNodes].map(marked).join("");
  const mark = MARKS[node.nodeName];
  if (mark !== undefined) return inside.trim() === "" ? inside : `${mark}${inside}${mark}`;
  if (TAGS.has(node.nodeName)) return `<${node.nodeName.toLowerCase()}>${inside}</${node.nodeName.toLowerCase()}>`;
  if (!(node instanceof HTMLAnchorElement)) return inside;
  return node.href === node.textContent ? node.href : `[${inside}](<${node.href.replaceAll(/[<>|]/g, encodeURIComponent)}>)`;
}

const MARKS: Record<string, string> = { STRONG: "**", EM: "*", DEL: "~~" };
const TAGS = new Set(["SUB", "SUP", "KBD"]);

/** The text that stands for an element of the page when it is copied; null for the text itself. */
function keptOf(node: Node): string | null {
  if (!(node instanceof HTMLElement)) return null;
  return node.dataset["copied"] ?? (node.matches(INTERFACE) ? "" : null);
}

/** What belongs to the page and not to the text in it. */
export const INTERFACE = "button, figcaption, footer, .host, .for-ears, [data-interface]";

function escaped(text: string): string {
  return text.replaceAll(/[\\`*[\]<|]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])|~(?=~)/gu, "\\$&").replaceAll(/\s*\n\s*/g, " ");
}

function codeSpan(text: string): string {
  const runs = (text.match(/`+/g) ?? []).map((run) => run.length);
  const mark = "`".repeat(Math.max(0, ...runs) + 1);
  const pad = /^`|`$/.test(text) ? " " : "";
  return `${mark}${pad}${text.replaceAll("|", "\\|")}${pad}${mark}`;
}
