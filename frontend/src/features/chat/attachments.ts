/** Files that become the text of a message. */

import { useQuery } from "@tanstack/react-query";

import { answered, api } from "../../api/http";
import { documentKinds } from "../../api/queries";
import { useIsGuest } from "../../components/guest";
import { written } from "../../protocol/documents";
import type { Document } from "../../protocol/parts";
import { notices } from "../../stores/notices";
import { words } from "../../words";

const LONGEST_CONTENT = 100_000;

/** What a file picker offers; undefined while the gateway has not said it: everything. Phones know some endings only as text. */
export function useKinds(): string | undefined {
  const isGuest = useIsGuest(); // guests may not ask for the kinds
  const { data } = useQuery({ ...documentKinds, enabled: !isGuest });
  return data && ["text/*", ...data.kinds.flatMap(({ endings }) => endings.map((ending) => `.${ending}`))].join(",");
}

/** The text of a file, read by the gateway; a notice says what of the file is missing. `room`: the room of a guest. Throws ApiError. */
export async function read(file: File, room: number | null): Promise<Document> {
  const bodySerializer = (): FormData => {
    const form = new FormData();
    form.append("file", file);
    return form;
  };
  const {
    filename,
    text,
    notices: missing,
  } = await answered(
    api.POST("/api/chatbot/upload-document", { params: { query: { room } }, body: { file: file.name }, bodySerializer }),
  );
  for (const sentence of missing ?? []) notices.show(words.composer.missing(filename, sentence));
  return { name: filename, text };
}

/** What is too long about a message, in a sentence; null when it can be sent. */
export function tooLong(documents: readonly Document[], text: string): string | null {
  const length = Array.from(written(documents, text)).length;
  if (length <= LONGEST_CONTENT) return null;
  return words.composer.tooLong(length, LONGEST_CONTENT);
}
