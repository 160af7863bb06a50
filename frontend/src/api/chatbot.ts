/** The calls of the page's predecessor, kept for code that uses them: a thin wrapper around `streams`. */

import type { Done, Metadata } from "../protocol/events";
import { isTerminal } from "../protocol/events";
import { ApiError, unreachable } from "./http";
import { send, stop, type Send } from "./streams";

export const chatbotAPI = {
  /**
   * Sends a message and calls back as the reply arrives; resolves when it has ended. Aborting the signal stops the run; leaving the page
   * does not. What fails, before the stream or in it, reaches `onError`.
   */
  async sendMessageStream(
    data: Send,
    onMetadata: (metadata: Metadata) => void,
    onChunk: (content: string) => void,
    onComplete: (done: Done) => void,
    onError: (error: Error) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    let streamId: string | null = null;
    const stopRun = (): void => {
      if (streamId !== null) stop(streamId).catch(onError);
    };
    signal?.addEventListener("abort", stopRun);
    try {
      for await (const batch of send(data)) {
        for (const { event } of batch) {
          if (event?.type === "metadata") {
            streamId = event.stream_id;
            if (signal?.aborted) stopRun();
            onMetadata(event);
          } else if (event?.type === "chunk") {
            onChunk(event.content);
          } else if (event?.type === "done") {
            onComplete(event);
          } else if (event?.type === "error") {
            onError(new ApiError(200, event.code, event.message));
          }
          if (event !== null && isTerminal(event)) return;
        }
      }
      throw unreachable();
    } catch (error) {
      onError(error instanceof Error ? error : unreachable());
    } finally {
      signal?.removeEventListener("abort", stopRun);
    }
  },
};
