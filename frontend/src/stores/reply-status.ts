/** What a reply is waiting for, how it ended, and what it cost, in words. */

import type { Progress, Timings, Usage } from "../protocol/events";
import type { LiveStream } from "./live-stream";
import { words } from "../words";

/** Whether it thinks, and has written nothing yet. */
export function isThinking({ snapshot, over }: LiveStream): boolean {
  return snapshot.thinking !== "" && snapshot.text === "" && !over;
}

/** Whether its thinking can be ended, so that it answers. */
export function canAnswerNow(stream: LiveStream): boolean {
  return isThinking(stream) && stream.stoppedAt === null && stream.snapshot.progress?.can_answer_now === true;
}

/** One sentence for what is being waited for; null once text comes. `now` and `since` in milliseconds. */
export function waiting(stream: LiveStream, thinkingSince: number | null, now: number): string | null {
  const { snapshot, connection } = stream;
  if (stream.over || stream.stoppedAt !== null || snapshot.terminal !== null) return null;
  if (connection === "lost") return words.reply.lost;
  if (snapshot.recovering) return words.reply.recovering;
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
    case "recovering":
      return words.reply.recovering;
    case "loading":
      if (progress.reason === "llm_overloaded") return words.reply.busy;
      // a server that is dead behind a proxy, or breaks off, loads nothing
      return progress.reason === undefined || progress.reason === "llm_loading" ? words.reply.loading : words.reply.unreachable;
    case "prompt": {
      const { processed = 0, total = 0, cached = 0 } = progress;
      if (total <= cached) return words.reply.reading;
      return words.reply.readingShare(Math.max(0, processed - cached) / (total - cached));
    }
  }
}

/** *model · server · 271 tokens · 97 tokens/s · first token after 0.2 s* */
export function figures(
  model: string | null,
  usage: Partial<Usage> | null,
  timings: Partial<Timings> | null,
  server: string | null = null,
): string {
  const said = [model && words.reply.model(model), server && words.reply.server(server)];
  if (usage?.completion_tokens != null) said.push(words.reply.tokens(usage.completion_tokens, usage.estimated === true));
  if (timings?.tokens_per_second != null) said.push(words.reply.rate(timings.tokens_per_second));
  if (timings?.first_token_ms != null) said.push(words.reply.firstToken(timings.first_token_ms));
  return said
    .filter(Boolean)
    .join(" · ")
    .replaceAll(/(?<!·) (?!·)/g, "\u00a0");
}
