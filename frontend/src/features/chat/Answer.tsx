import { useEffect, useState, type ReactNode } from "react";

import type { MessageAnswer } from "../../api/schema";
import { Markdown } from "../../components/markdown/Markdown";
import type { LiveReply } from "../../stores/live-streams";
import { Branches } from "./Branches";
import type { Conversation } from "./conversation";
import { figures, waiting } from "./status";

interface Stored {
  message: MessageAnswer;
  busy: boolean;
  conversation: Conversation;
}

/** A reply that has ended. */
export function StoredAnswer({ message, busy, conversation }: Stored) {
  const about = message.metadata ?? {};
  const problem = ending(message);
  const model = typeof about["model"] === "string" ? about["model"] : null;
  return (
    <article className="answer">
      <Thoughts text={message.thinking ?? ""} isThinking={false} />
      <Markdown text={message.content} growing={false} />
      {problem && <p className="ending">{problem}</p>}
      <p className="figures">
        {figures(model, message.usage, message.timings)}
        {about["simulated"] === true && <span title="The worker answered in one piece; the gateway showed it in pieces."> · shown in pieces</span>}
      </p>
      <Actions message={message} busy={busy} conversation={conversation} />
    </article>
  );
}

/** A reply on its way. */
export function LiveAnswer({ live, message, conversation }: { live: LiveReply; message: MessageAnswer | null; conversation: Conversation }) {
  const { stream } = live;
  const { snapshot } = stream;
  const stopped = useStoppedLength(stream.stopping, snapshot.text.length);
  const text = stopped === null || snapshot.terminal !== null ? snapshot.text : snapshot.text.slice(0, stopped);
  const says = useWaiting(live);
  const busy = !stream.over;
  const failure = snapshot.terminal?.type === "error" ? snapshot.terminal.message : stream.connection === "refused" ? stream.problem?.message : undefined;
  const end = snapshot.terminal?.type === "done" ? snapshot.terminal : null;
  const wasStopped = stream.stopping || end?.finish_reason === "cancelled";
  return (
    <article className="answer" aria-busy={busy && !stream.stopping}>
      <Thoughts text={snapshot.thinking} isThinking={busy && text === ""} />
      <Markdown text={text} growing={busy} />
      {says !== null && <p className="waiting">{says}</p>}
      {wasStopped && <p className="ending">Stopped</p>}
      {failure !== undefined && (
        <p className="problem" role="alert">
          {failure}
        </p>
      )}
      {end && <p className="figures">{figures(end.model, end.usage, end.timings)}</p>}
      {message !== null && !busy && <Actions message={{ ...message, status: statusOf(live), content: text }} busy={busy} conversation={conversation} />}
      <p className="for-ears" role="status">
        {announced(live)}
      </p>
    </article>
  );
}

function statusOf(live: LiveReply): MessageAnswer["status"] {
  const end = live.stream.snapshot.terminal;
  if (end?.type === "error") return "failed";
  return end?.finish_reason === "cancelled" ? "cancelled" : "complete";
}

/** For screen readers: the start and the end, never each token. */
function announced(live: LiveReply): string {
  const end = live.stream.snapshot.terminal;
  if (end === null) return live.stream.snapshot.text === "" ? "" : "The reply has begun.";
  if (end.type === "error") return ""; // the alert says it
  return end.finish_reason === "cancelled" ? "The reply was stopped." : "The reply is complete.";
}

function ending(message: MessageAnswer): string | null {
  const error: unknown = message.metadata?.["error"];
  const said = typeof error === "object" && error !== null && "message" in error ? String(error.message) : null;
  switch (message.status) {
    case "cancelled":
      return "Stopped";
    case "interrupted":
    case "failed":
      return said ?? "The reply was interrupted.";
    default:
      return message.metadata?.["finish_reason"] === "length" ? "The reply reached its longest length." : null;
  }
}

function Actions({ message, busy, conversation }: Stored): ReactNode {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(message.content);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  const wentWrong = message.status === "failed" || message.status === "interrupted";
  const canGoOn = message.content.trim() !== "" && (message.status !== "complete" || message.metadata?.["finish_reason"] === "length");
  return (
    <footer>
      <Branches message={message} busy={busy} conversation={conversation} />
      {message.content !== "" && (
        <button type="button" className="quiet" onClick={() => void copy()}>
          {copied ? "Copied" : "Copy"}
        </button>
      )}
      {canGoOn && (
        <button type="button" className="quiet" disabled={busy} onClick={() => conversation.goOn(message)}>
          Continue
        </button>
      )}
      <button type="button" className="quiet" disabled={busy} onClick={() => conversation.regenerate(message)}>
        {wentWrong ? "Retry" : "Regenerate"}
      </button>
    </footer>
  );
}

function Thoughts({ text, isThinking }: { text: string; isThinking: boolean }) {
  const [isOpen, setOpen] = useState(false);
  if (text === "") return null;
  return (
    <details className="thoughts" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{isThinking ? "Thinking" : "Thoughts"}</summary>
      {isOpen && <p>{text}</p>}
    </details>
  );
}

/** The sentence for what is being waited for; while the model thinks it counts the seconds. */
function useWaiting({ stream }: LiveReply): string | null {
  const isThinking = stream.snapshot.thinking !== "" && stream.snapshot.text === "" && !stream.over;
  const [since, setSince] = useState<number | null>(null);
  const [now, setNow] = useState(0);
  useEffect(() => {
    if (!isThinking) return;
    const began = Date.now();
    const tick = (): void => {
      setSince(began);
      setNow(Date.now());
    };
    const timer = setInterval(tick, 1000);
    return () => clearInterval(timer);
  }, [isThinking]);
  return stream.over ? null : waiting(stream, since, now);
}

/** How much was shown when the stop was asked for: what comes later is not shown any more. */
function useStoppedLength(isStopping: boolean, length: number): number | null {
  const [stopped, setStopped] = useState<number | null>(null);
  if (isStopping && stopped === null) setStopped(length);
  if (!isStopping && stopped !== null) setStopped(null);
  return stopped;
}
