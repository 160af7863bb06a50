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

/** A stored picture, by the name that the gateway gave it for its owner. Width and height in pixels; null: not known. */
export interface Picture {
  id: string;
  width?: number | null;
  height?: number | null;
}

export interface Image extends Picture {
  type: "image";
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

/** The parts of what a person sends: documents, pictures, and what is said about them. */
export function messageParts(text: string, documents: readonly Document[] = [], pictures: readonly Picture[] = []): Part[] {
  const along = [
    ...documents.map(({ name, text: inside }): Part => ({ type: "document", name, text: inside })),
    ...pictures.map(({ id, width, height }): Part => ({ type: "image", id, width: width ?? null, height: height ?? null })),
  ];
  return text === "" ? along : [...along, { type: "text", text }];
}

/** A picture in an answer, with the number of UTF-16 units of text before it. */
export interface Placed {
  at: number;
  image: Image;
}

/** A text with pictures in it, which are in order. */
export function illustrated(text: string, images: readonly Placed[]): Part[] {
  const parts: Part[] = [];
  let start = 0;
  for (const { at, image } of images) {
    if (at > start) parts.push({ type: "text", text: text.slice(start, at) });
    parts.push(image);
    start = Math.max(start, at);
  }
  return [...parts, ...messageParts(text.slice(start))];
}

/** The texts alone. */
export function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

export function picturesOf(parts: readonly Part[]): Picture[] {
  return parts
    .filter((part) => part.type === "image")
    .map(({ id, width, height }) => ({ id, width: width ?? null, height: height ?? null }));
}

export function documentsOf(parts: readonly Part[]): Document[] {
  return parts.filter((part) => part.type === "document").map(({ name, text }) => ({ name, text }));
}
