/** The event connection: opened, read, and told what to follow. */

import { FrameDecoder, type Frame } from "../protocol/frames";
import { readText } from "../protocol/sse";
import { ApiError, answered, api, unreachable } from "./http";
import { request } from "./streams";

/** Frames that came together, and the cursor after them. */
export interface Arrival {
  frames: Frame[];
  cursor: string | null;
}

/** What comes after `cursor`, as long as this connection lasts; empty for a mere sign of life. Throws ApiError. */
export async function* readEvents(cursor: string | null, signal: AbortSignal): AsyncGenerator<Arrival> {
  const headers: Record<string, string> = cursor === null ? {} : { "Last-Event-ID": cursor };
  const { body } = await request("/api/events", { headers, signal });
  if (body === null) return;
  const decoder = new FrameDecoder();
  try {
    for await (const text of readText(body)) {
      const frames = decoder.feed(text);
      yield { frames, cursor: decoder.cursor };
    }
  } catch (error) {
    throw error instanceof ApiError ? error : unreachable();
  }
}

/** All that a connection follows from now on; `run`: `ID`, or `ID@N` for what comes after event N. Throws ApiError. */
export async function followEvents(connection: string, followed: { session: number[]; run: string[] }): Promise<void> {
  await answered(api.POST("/api/events/{connection_id}", { params: { path: { connection_id: connection } }, body: followed }));
}
