/** What a reply is waiting for, how it ended, and what it cost, in words. */

import type { Progress, Timings, Usage } from "../protocol/events";
import type { LiveStream } from "./live-stream";
import { words } from "../words";

/** Whether it thinks, and has written nothing yet. */
export function isThinking({ snapshot, over }: LiveStream): boolean {
  return snapshot.thinking !== "" && snapshot.text === "" && !over;
}

/** One sentence for what is being waited for; null once text comes. `now` and `since` in milliseconds. */
export function waiting(stream: LiveStream, thinkingSince: number | null, now: number): string | null {
  const { snapshot, connection } = stream;
  if (stream.over || stream.stoppedAt !== null || snapshot.terminal !== null) return null;
  if (connection === "lost") return words.reply.lost;
  if (snapshot.text !== "") return null;
  if (snapshot.thinking !== "")
    return thinkingSince === null ? words.reply.thinking : words.reply.thinkingFor((now - thinkingSince) / 1000);
  return snapshot.progress === null ? words.reply.sending : stage(snapshot.progress);
}

function stage(progress: Progress): string {
  switch (progress.stage) {
    case "queued":
      return progress.position ? words.reply.ahead(progress.position) : words.reply.next;
    case "unreachable":
      return words.reply.unreachable;
    case "loading":
      return progress.reason === "llm_overloaded" ? words.reply.busy : words.reply.loading;
    case "prompt": {
      const { processed = 0, total = 0, cached = 0 } = progress;
      if (total <= cached) return words.reply.reading;
      return words.reply.readingShare(Math.max(0, processed - cached) / (total - cached));
    }
  }
}

/** *model · 271 tokens · 97 tokens/s · first token after 0.2 s* */
export function figures(model: string | null, usage: Partial<Usage> | null, timings: Partial<Timings> | null): string {
  const said = [model];
  if (usage?.completion_tokens != null) said.push(words.reply.tokens(usage.completion_tokens, usage.estimated === true));
  if (timings?.tokens_per_second != null) said.push(words.reply.rate(timings.tokens_per_second));
  if (timings?.first_token_ms != null) said.push(words.reply.firstToken(timings.first_token_ms / 1000));
  return said
    .filter(Boolean)
    .join(" · ")
    .replaceAll(/(?<!·) (?!·)/g, "\u00a0");
}
