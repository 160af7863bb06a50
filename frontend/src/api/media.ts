/** Pictures that the gateway keeps. */

import { addressOf } from "../base";
import { answered, api, ApiError, errorOf, unreachable } from "./http";
import type { MediaAnswer } from "./schema";

const PATH = "/api/media";

/** Where a picture is; `isSmall`: a small one that stands for it. */
export function pictureAddress(id: string, isSmall = false): string {
  return addressOf(`${PATH}/${id}${isSmall ? "?thumb=1" : ""}`);
}

/**
 * Sends a picture, which the gateway turns, shrinks and keeps. `onShare`: how much of it is there, from 0 to 1. `room`: the room of a guest. Throws
 * ApiError; after an abort, whatever the signal gives as the reason.
 */
export function upload(
  file: File,
  onShare: (share: number) => void,
  signal: AbortSignal,
  room: number | null,
): Promise<MediaAnswer> {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest(); // fetch does not say how much was sent
    const abort = (): void => sending.abort();
    signal.throwIfAborted();
    signal.addEventListener("abort", abort);
    sending.upload.onprogress = ({ loaded, total, lengthComputable }) => {
      if (lengthComputable && total > 0) onShare(loaded / total);
    };
    sending.onload = () => {
      const said = parsed(sending.responseText);
      if (sending.status >= 200 && sending.status < 300) resolve(said as MediaAnswer);
      else reject(errorOf(sending.status, said));
    };
    sending.onerror = () => reject(unreachable());
    sending.onabort = () => reject(signal.reason as Error);
    sending.onloadend = () => signal.removeEventListener("abort", abort);
    sending.open("POST", addressOf(room === null ? PATH : `${PATH}?room=${room}`));
    sending.setRequestHeader("Content-Type", "application/octet-stream");
    sending.send(file);
  });
}

/** Deletes a picture that was not sent. One that a message shows stays. Throws ApiError where the gateway can't say. */
export async function forget(id: string): Promise<void> {
  try {
    await answered(api.DELETE("/api/media/{media_id}", { params: { path: { media_id: id } } }));
  } catch (error) {
    if (!(error instanceof ApiError) || error.status < 400 || error.status >= 500) throw error;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
