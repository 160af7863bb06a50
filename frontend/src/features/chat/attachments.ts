/** Files that become the text of a message. */

import { answered, api } from "../../api/http";
import { written } from "../../protocol/documents";
import type { Document } from "../../protocol/parts";
import { notices } from "../../stores/notices";
import { words } from "../../words";

export const KINDS = ".pdf,.docx,.docm,.dotx,.dotm,.txt,.md";
const LONGEST_CONTENT = 100_000;

/** The text of a file, read by the gateway; says what of the file is not in it. Throws ApiError with what is wrong with it. */
export async function read(file: File): Promise<Document> {
  const bodySerializer = (): FormData => {
    const form = new FormData();
    form.append("file", file);
    return form;
  };
  const {
    filename,
    text,
    notices: missing,
  } = await answered(api.POST("/api/chatbot/upload-document", { body: { file: file.name }, bodySerializer }));
  for (const sentence of missing ?? []) notices.show(words.composer.missing(filename, sentence));
  return { name: filename, text };
}

/** What is too long about a message, in a sentence; null when it can be sent. */
export function tooLong(documents: readonly Document[], text: string): string | null {
  const length = Array.from(written(documents, text)).length;
  if (length <= LONGEST_CONTENT) return null;
  return words.composer.tooLong(length, LONGEST_CONTENT);
}
