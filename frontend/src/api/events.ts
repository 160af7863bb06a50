/** The event connection: opened, read, and told what to follow. */

import { FrameDecoder, type Frame } from "../protocol/frames";
import { readText } from "../protocol/sse";
import { ApiError, unreachable } from "./http";
import { request } from "./streams";

/** Frames that came together, and the cursor after them. */
export interface Arrival {
  frames: Frame[];
  cursor: string | null;
}

/** Which guest of this browser asks, as the end of an address: `r5` is a guest of room 5, `s12` of session 12; null: who is signed in. */
export type Scope = `r${number}` | `s${number}`;

function asGuest(scope: Scope | null): string {
  if (scope === null) return "";
  return `?${scope.startsWith("r") ? "room" : "session"}=${scope.slice(1)}`;
}

/** What comes after `cursor`, as long as this connection lasts; empty for a mere sign of life. Throws ApiError. */
export async function* readEvents(cursor: string | null, signal: AbortSignal, scope: Scope | null = null): AsyncGenerator<Arrival> {
  const headers: Record<string, string> = cursor === null ? {} : { "Last-Event-ID": cursor };
  const { body } = await request(`/api/events${asGuest(scope)}`, { headers, signal });
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

/** `run`: `ID`, or `ID@N` for what comes after event N. */
export interface Followed {
  session: number[];
  run: string[];
  room?: number[];
  /** Nobody looks at any tab of the browser. */
  hidden?: boolean;
}

/** All that a connection follows from now on. Throws ApiError. */
export async function followEvents(connection: string, followed: Followed, scope: Scope | null = null): Promise<void> {
  const response = await request(`/api/events/${connection}${asGuest(scope)}`, {
    method: "POST",
    body: JSON.stringify(followed),
    headers: { "Content-Type": "application/json" },
  });
  await response.body?.cancel();
}
