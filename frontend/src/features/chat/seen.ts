/** What is to be seen of a reply, whether it comes from its stream or from what is stored. */

import type { MessageAnswer } from "../../api/schema";
import type { Healed, Snapshot } from "../../protocol/fold";
import type { Picture } from "../../protocol/parts";
import { snapshotOf } from "../../protocol/reply";
import type { LiveReply } from "../../stores/conversation";
import { words } from "../../words";
import { figures } from "../../stores/reply-status";
import { picturesLeftOut, piecesOf, type Piece } from "./pieces";

/** A tool call, and what the tool answered. */
export interface Called {
  name: string | null;
  arguments: string;
  result: string | null;
}

interface Seen {
  text: string;
  /** The same text, and the pictures in it. */
  pieces: Piece[];
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
  /** The last words before each place where it was broken off and went on. */
  healed: string[];
  /** Earlier pictures that the model was not sent. */
  leftOut: Picture[];
  /** The message as it stands after the end, for what can be done with it; null while it is not known. */
  settled: MessageAnswer | null;
}

/** Errors that leave a reply interrupted rather than failed. */
const CUT_OFF = new Set(["interrupted", "worker_lost"]);

/** What went wrong with a reply. */
function problemOf(error: { code: string; message: string } | null): string {
  return error === null ? words.reply.interrupted : words.failure.problem(error.code, error.message);
}

/** `me`: the name of whoever sits here, where others are there. */
export function seen(message: MessageAnswer | null, live: LiveReply | undefined, me?: string): Seen {
  if (live !== undefined) return seenLive(message, live, me);
  if (message === null) throw new Error("a reply that is neither stored nor on its way");
  const about = message.metadata ?? {};
  const snapshot = snapshotOf({ thinking: message.thinking ?? "", parts: message.parts });
  const wentWrong = message.status === "interrupted" || message.status === "failed";
  return {
    text: snapshot.text,
    pieces: piecesOf(message.parts, snapshot.text),
    thinking: snapshot.thinking,
    calls: called(snapshot),
    isGrowing: false,
    ending: message.status === "cancelled" ? stopped(textOf(about["stopped_by"]), me) : ending(about["finish_reason"]),
    problem: wentWrong ? problemOf(message.error) : null,
    figures: figures(textOf(about["model"]), message.usage, message.timings, textOf(about["server"])),
    isSimulated: about["simulated"] === true,
    healed: wordsBefore(snapshot.text, healedIn(about)),
    leftOut: picturesLeftOut(about),
    settled: message,
  };
}

function seenLive(message: MessageAnswer | null, { stream }: LiveReply, me: string | undefined): Seen {
  const { snapshot, stoppedAt } = stream;
  const end = snapshot.terminal;
  const known = message?.content ?? ""; // after a reload it stands there before the stream has told it again
  const arrived = snapshot.text.length + snapshot.thinking.length; // text may have moved to the thoughts meanwhile
  const isBehind = end === null && arrived < known.length;
  const soFar = isBehind ? known : snapshot.text;
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
    pieces: piecesOf(isBehind ? (message?.parts ?? []) : snapshot.parts, text),
    thinking: snapshot.thinking,
    calls: called(snapshot),
    isGrowing: !stream.over && stoppedAt === null,
    ending:
      stoppedAt !== null
        ? words.reply.stopped
        : done?.finish_reason === "cancelled"
          ? stopped(done.stopped_by, me)
          : ending(done?.finish_reason),
    problem: end?.type === "error" ? problemOf(end) : stream.connection === "refused" ? (stream.problem?.message ?? null) : null,
    figures: done ? figures(done.model, done.usage, done.timings, snapshot.metadata?.server) : "",
    isSimulated: done?.simulated === true,
    healed: wordsBefore(text, snapshot.healed),
    leftOut: picturesLeftOut(message?.metadata ?? null),
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

function healedIn(metadata: Readonly<Record<string, unknown>>): Pick<Healed, "at">[] {
  const places = metadata["healed"];
  if (!Array.isArray(places)) return [];
  return places.filter((place): place is Pick<Healed, "at"> => typeof (place as Healed | null)?.at === "number");
}

const WORDS_BEFORE = /(?:\S+\s+){0,3}\S+\s*$/u;
const FAR = 80;

/** What stands before each place where the answer went on: text follows it there. */
function wordsBefore(text: string, places: readonly Pick<Healed, "at">[]): string[] {
  const wentOn = places.filter(({ at }) => at < text.length);
  return wentOn.map(({ at }) => WORDS_BEFORE.exec(text.slice(Math.max(0, at - FAR), at))?.[0].trim() ?? "");
}

/** `by`: who stopped it, where the gateway says so. */
function stopped(by: string | null | undefined, me: string | undefined): string {
  return by == null || me === undefined || by === me ? words.reply.stopped : words.together.stoppedBy(by);
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
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
export function announced({ stream }: LiveReply, me?: string): string {
  const end = stream.snapshot.terminal;
  if (end === null)
    return stream.stoppedAt !== null ? words.reply.wasStopped : stream.snapshot.text === "" ? "" : words.reply.hasBegun;
  if (end.type === "error") return ""; // the alert says it
  if (end.finish_reason !== "cancelled") return words.reply.isComplete;
  const by = end.stopped_by;
  return by == null || me === undefined || by === me ? words.reply.wasStopped : words.together.wasStoppedBy(by);
}
