/** What is to be seen of a reply, whether it comes from its stream or from what is stored. */

import type { MessageAnswer } from "../../api/schema";
import type { Snapshot } from "../../protocol/fold";
import { snapshotOf } from "../../protocol/reply";
import type { LiveReply } from "../../stores/conversation";
import { words } from "../../words";
import { figures } from "../../stores/reply-status";

/** A tool call, and what the tool answered. */
export interface Called {
  name: string | null;
  arguments: string;
  result: string | null;
}

interface Seen {
  text: string;
  thinking: string;
  calls: Called[];
  /** More may come. */
  isGrowing: boolean;
  /** How it ended, where that is worth a line. */
  ending: string | null;
  problem: string | null;
  /** *model · tokens · tokens/s · first token after …*, once it has ended. */
  figures: string;
  isSimulated: boolean;
  /** The message as it stands after the end, for what can be done with it; null while it is not known. */
  settled: MessageAnswer | null;
}

/** Errors that leave a reply interrupted rather than failed. */
const CUT_OFF = new Set(["interrupted", "worker_lost"]);

export function seen(message: MessageAnswer | null, live: LiveReply | undefined): Seen {
  if (live !== undefined) return seenLive(message, live);
  if (message === null) throw new Error("a reply that is neither stored nor on its way");
  const about = message.metadata ?? {};
  const snapshot = snapshotOf({ thinking: message.thinking ?? "", parts: message.parts });
  const wentWrong = message.status === "interrupted" || message.status === "failed";
  return {
    text: snapshot.text,
    thinking: snapshot.thinking,
    calls: called(snapshot),
    isGrowing: false,
    ending: message.status === "cancelled" ? words.reply.stopped : ending(about["finish_reason"]),
    problem: wentWrong ? (message.error?.message ?? words.reply.interrupted) : null,
    figures: figures(typeof about["model"] === "string" ? about["model"] : null, message.usage, message.timings),
    isSimulated: about["simulated"] === true,
    settled: message,
  };
}

function seenLive(message: MessageAnswer | null, { stream }: LiveReply): Seen {
  const { snapshot, stoppedAt } = stream;
  const end = snapshot.terminal;
  const known = message?.content ?? ""; // after a reload it stands there before the stream has told it again
  const arrived = snapshot.text.length + snapshot.thinking.length; // text may have moved to the thoughts meanwhile
  const soFar = end === null && arrived < known.length ? known : snapshot.text;
  const text = end === null && stoppedAt !== null ? soFar.slice(0, stoppedAt) : soFar;
  const done = end?.type === "done" ? end : null;
  const status =
    end?.type === "error"
      ? CUT_OFF.has(end.code)
        ? "interrupted"
        : "failed"
      : done?.finish_reason === "cancelled"
        ? "cancelled"
        : "complete";
  return {
    text,
    thinking: snapshot.thinking,
    calls: called(snapshot),
    isGrowing: !stream.over && stoppedAt === null,
    ending: stoppedAt !== null || done?.finish_reason === "cancelled" ? words.reply.stopped : ending(done?.finish_reason),
    problem: end?.type === "error" ? end.message : stream.connection === "refused" ? (stream.problem?.message ?? null) : null,
    figures: done ? figures(done.model, done.usage, done.timings) : "",
    isSimulated: done?.simulated === true,
    settled:
      message !== null && stream.over
        ? {
            ...message,
            status,
            content: text,
            error: end?.type === "error" ? end : null,
            metadata: { ...message.metadata, finish_reason: done?.finish_reason },
          }
        : null,
  };
}

function ending(reason: unknown): string | null {
  if (reason === "length") return words.reply.tooLong;
  return reason === "content_filter" ? words.reply.filtered : null;
}

function called({ toolCalls, toolResults }: Snapshot): Called[] {
  return toolCalls.filter(Boolean).map((call) => ({
    name: call.name,
    arguments: call.arguments,
    result: toolResults.find(({ id }) => id !== null && id === call.id)?.content ?? null,
  }));
}

/** For screen readers: the start and the end, never each token. */
export function announced({ stream }: LiveReply): string {
  const end = stream.snapshot.terminal;
  if (end === null)
    return stream.stoppedAt !== null ? words.reply.wasStopped : stream.snapshot.text === "" ? "" : words.reply.hasBegun;
  if (end.type === "error") return ""; // the alert says it
  return end.finish_reason === "cancelled" ? words.reply.wasStopped : words.reply.isComplete;
}
