/** What a message is made of. The written form of documents, which models read, is the gateway's business. */

interface Text {
  type: "text";
  text: string;
}

/** A text that came along with a message. */
export interface Document {
  name: string;
  text: string;
}

interface DocumentPart extends Document {
  type: "document";
}

/** A stored picture. */
interface Image {
  type: "image";
  id: string;
  width?: number | null;
  height?: number | null;
}

/** `arguments`: JSON text, as the model wrote it. */
interface CallPart {
  type: "tool_call";
  id: string | null;
  name: string | null;
  arguments: string;
}

/** `id`: of the call that it answers. */
interface ResultPart {
  type: "tool_result";
  id: string | null;
  content: string;
}

export type Part = Text | DocumentPart | Image | CallPart | ResultPart;

/** The parts of what a person sends. */
export function messageParts(text: string, documents: readonly Document[] = []): Part[] {
  const along = documents.map(({ name, text: inside }): Part => ({ type: "document", name, text: inside }));
  return text === "" ? along : [...along, { type: "text", text }];
}

/** The texts alone. */
export function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

export function documentsOf(parts: readonly Part[]): Document[] {
  return parts.filter((part) => part.type === "document").map(({ name, text }) => ({ name, text }));
}
