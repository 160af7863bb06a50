/** A reply's stream: sent, and stopped. It is followed by the event connection. */

import { addressOf } from "../base";
import type { Numbered } from "../protocol/events";
import { readBatches } from "../protocol/sse";
import { ApiError, errorOf, unreachable } from "./http";
import type { SendMessage } from "./schema";

/** What a page sends; it always leaves the run going when the connection ends, and stops it with `stop`. */
export type Send = Pick<SendMessage, "session_id"> & Partial<Omit<SendMessage, "on_disconnect">>;

/** Sends a message and gives the batches of its stream, as long as this connection lasts. Throws ApiError. */
export async function* send(message: Send, signal?: AbortSignal): AsyncGenerator<Numbered[]> {
  const body = JSON.stringify({ ...message, on_disconnect: "continue" });
  const headers = { "Content-Type": "application/json" };
  yield* batches("/api/chatbot/messages/stream", { method: "POST", body, headers, ...(signal && { signal }) });
}

/** A name of our own for a request; `crypto.randomUUID` is missing on plain HTTP. */
export function requestId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Stops the model. `shownChars`: how much of the text was shown, in UTF-16 units; the rest is dropped. */
export async function stop(streamId: string, shownChars?: number): Promise<void> {
  const body = shownChars === undefined ? {} : { shown_chars: shownChars };
  const response = await request(`/api/chatbot/streams/${streamId}/stop`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json" },
    keepalive: true, // it reaches the gateway even when the page is left in the same moment
  });
  await response.body?.cancel();
}

/** A model that thinks ends its thinking and answers. Throws ApiError. */
export async function answerNow(streamId: string): Promise<void> {
  const response = await request(`/api/chatbot/streams/${streamId}/answer_now`, { method: "POST" });
  await response.body?.cancel();
}

/** The batches of the stream that a request answers with. Throws ApiError. */
export async function* batches(path: string, init: RequestInit): AsyncGenerator<Numbered[]> {
  const response = await request(path, init);
  if (response.status === 204 || response.body === null) return;
  try {
    yield* readBatches(response.body);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw unreachable(); // the connection broke in the middle
  }
}

export async function request(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(addressOf(path), { credentials: "same-origin", ...init });
  } catch {
    throw unreachable();
  }
  if (!response.ok) throw errorOf(response.status, await response.json().catch(() => null));
  return response;
}
