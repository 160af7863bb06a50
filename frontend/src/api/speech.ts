/** What the gateway speaks and writes down, where it offers that. */

import { request } from "./streams";

/** The sound of a text. `speed`: 1 is the voice's own. Throws ApiError. */
export async function spoken(text: string, speed: number, signal: AbortSignal): Promise<Blob> {
  const headers = { "Content-Type": "application/json" };
  const response = await request("/api/speech", { method: "POST", body: JSON.stringify({ text, speed }), headers, signal });
  return response.blob();
}

/** What was said in a recording, in one line. Throws ApiError. */
export async function transcribed(recording: Blob, signal: AbortSignal): Promise<string> {
  const headers = { "Content-Type": recording.type.split(";", 1)[0] ?? "" };
  const response = await request("/api/transcriptions", { method: "POST", body: recording, headers, signal });
  return ((await response.json()) as { text: string }).text;
}
