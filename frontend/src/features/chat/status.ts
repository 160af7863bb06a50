/** What a reply is waiting for, how it ended, and what it cost, in words. */

import type { Progress, Timings, Usage } from "../../protocol/events";
import type { LiveStream } from "../../stores/live-stream";

/** One sentence for what is being waited for; null once text comes. `now` and `since` in milliseconds. */
export function waiting(stream: LiveStream, thinkingSince: number | null, now: number): string | null {
  const { snapshot, connection } = stream;
  if (stream.stoppedAt !== null || snapshot.terminal !== null) return null;
  if (connection === "lost") return "Connection lost, trying again";
  if (connection === "released") return "Other tabs are being read; this one goes on when you use it";
  if (snapshot.text !== "") return null;
  if (snapshot.thinking !== "")
    return thinkingSince === null ? "Thinking" : `Thinking, ${Math.round((now - thinkingSince) / 1000)} s`;
  return snapshot.progress === null ? "Sending" : told(snapshot.progress);
}

function told(progress: Progress): string {
  switch (progress.stage) {
    case "queued":
      return progress.position ? `Waiting, ${progress.position} ahead of you` : "Waiting, you are next";
    case "unreachable":
      return "Can’t reach the model, trying again";
    case "loading":
      return progress.reason === "llm_overloaded" ? "The model is busy, trying again" : "Loading the model";
    case "prompt": {
      const { processed = 0, total = 0, cached = 0 } = progress;
      if (total <= cached) return "Reading your prompt";
      return `Reading your prompt ${Math.round((100 * Math.max(0, processed - cached)) / (total - cached))} %`;
    }
  }
}

/** *model · 271 tokens · 97 tokens/s · first after 0.2 s* */
export function figures(model: string | null, usage: Partial<Usage> | null, timings: Partial<Timings> | null): string {
  const said = [model];
  if (usage?.completion_tokens != null)
    said.push(`${usage.estimated ? "about " : ""}${usage.completion_tokens} ${usage.completion_tokens === 1 ? "token" : "tokens"}`);
  if (timings?.tokens_per_second != null) said.push(`${Math.round(timings.tokens_per_second)} tokens/s`);
  if (timings?.first_token_ms != null) said.push(`first after ${(timings.first_token_ms / 1000).toFixed(1)} s`);
  return said
    .filter(Boolean)
    .join(" · ")
    .replaceAll(/(?<!·) (?!·)/g, "\u00a0");
}
