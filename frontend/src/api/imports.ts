/** Conversations from other programs: what a file holds, and how far their import is. */

import { addressOf } from "../base";
import { values } from "../protocol/lines";
import { errorOf, unreachable } from "./http";
import type { ImportPreview } from "./schema";

/** `error`: why it stopped early; what was imported until then stays. `first`: id of the first session. `problems`: the first refused ones, in the last. */
export interface ImportProgress {
  done: number;
  skipped: number;
  refused: number;
  first: number | null;
  problems: ImportPreview["problems"];
  complete: boolean;
  error: string | null;
}

const PATH = "/api/chatbot/imports";

/** What an import of the file would take over. Throws ApiError. */
export async function preview(file: File, signal?: AbortSignal): Promise<ImportPreview> {
  const response = await send(`${PATH}?dry_run=true`, file, signal);
  return (await response.json()) as ImportPreview;
}

/** Imports the file and gives the progress, until it is over or the signal stops it. Throws ApiError. */
export async function* run(file: File, signal?: AbortSignal): AsyncGenerator<ImportProgress> {
  const response = await send(PATH, file, signal);
  if (response.body === null) throw unreachable();
  let ended = false;
  for await (const progress of progressIn(response.body)) {
    ended = progress.complete || progress.error !== null;
    yield progress;
  }
  if (!ended) throw unreachable(); // the connection broke in the middle
}

async function* progressIn(body: ReadableStream<Uint8Array>): AsyncGenerator<ImportProgress> {
  try {
    yield* values<ImportProgress>(body);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw unreachable();
  }
}

async function send(path: string, file: File, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(addressOf(path), {
      method: "POST",
      body: file,
      headers: { "Content-Type": "application/octet-stream" },
      credentials: "same-origin",
      ...(signal && { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable();
  }
  if (response.ok) return response;
  throw errorOf(response.status, await response.json().catch(() => null));
}
