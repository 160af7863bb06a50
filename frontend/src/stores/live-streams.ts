/** The replies that run, by session. A tab reads one at a time: that of the session in sight. */

import { LiveStream } from "./live-stream";

const HIDDEN_MS = 30_000;

/** A reply that is on its way, and what of the conversation it stands in for until the conversation is read again. */
export interface LiveReply {
  stream: LiveStream;
  /** What was said to get it; null where a turn stands that it answers. */
  asked: string | null;
  /** The first message that it makes disappear: the reply that it takes the place of, or the turn that was edited. */
  hides: number | null;
}

export class LiveStreams {
  /** The other tabs of this browser. */
  private readonly tabs = new BroadcastChannel("lam-replies");
  private readonly replies = new Map<number, LiveReply>();
  private readonly listeners = new Set<() => void>();
  private shown: number | null = null;
  /** How many messages were sent from this tab. */
  sent = 0;
  private hiding: ReturnType<typeof setTimeout> | null = null;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  get(session: number | null): LiveReply | undefined {
    return session === null ? undefined : this.replies.get(session);
  }

  /** A reply that begins, or one that was found running. The one before it has ended, or nobody waits for it here. */
  put(session: number, reply: LiveReply): void {
    this.replies.get(session)?.stream.release();
    this.replies.set(session, reply);
    if (reply.asked !== null) this.sent++;
    this.tell();
  }

  drop(session: number): void {
    this.replies.get(session)?.stream.release();
    if (this.replies.delete(session)) this.tell();
  }

  /** The session in sight; the others' connections are let go. */
  show(session: number | null): void {
    this.shown = session;
    for (const [id, { stream }] of this.replies) {
      if (id === session) stream.attach();
      else stream.release();
    }
  }

  /** The tab came into sight, or went out of it: after 30 s its connection is free for others. */
  setVisible(visible: boolean): void {
    if (this.hiding !== null) clearTimeout(this.hiding);
    this.hiding = null;
    if (visible) this.get(this.shown)?.stream.attach();
    else this.hiding = setTimeout(() => this.get(this.shown)?.stream.release(), HIDDEN_MS);
  }

  /** Tells the other tabs that a reply began or ended. */
  announce(session: number): void {
    this.tabs.postMessage(session);
  }

  /** What other tabs announce. */
  onAnnounced(listener: (session: number) => void): () => void {
    const heard = ({ data }: MessageEvent<number>): void => listener(data);
    this.tabs.addEventListener("message", heard);
    return () => this.tabs.removeEventListener("message", heard);
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}
