/** The replies that run, by session. A tab reads one at a time: that of the session in sight. */

import type { Part } from "../protocol/parts";
import { words } from "../words";
import { drafts, type Draft } from "./drafts";
import { LiveStream } from "./live-stream";

const HIDDEN_MS = 30_000;
/** Tabs of one browser that read at once. A browser opens six connections to a gateway, and a stop must never wait for one. */
const MOST_READERS = 4;

/** A reply that is on its way, and what of the conversation it stands in for until the conversation is read again. */
export interface LiveReply {
  stream: LiveStream;
  /** What was said to get it; null where a turn stands that it answers. */
  asked: readonly Part[] | null;
  /** The first message that it makes disappear: the reply that it takes the place of, or the turn that was edited. */
  hides: number | null;
}

/** What stands where it was written again if the gateway does not take it. */
export type Back = Partial<Draft>;

/** What tabs tell one another: a reply of a session began or ended; this tab has begun to read, or no longer does. */
type Word = { about: "reply"; session: number } | { about: "reader"; tab: number; reads: boolean };

export class LiveStreams {
  private readonly replies = new Map<number, LiveReply>();
  private readonly listeners = new Set<() => void>();
  private readonly announced = new Set<(session: number) => void>();
  private readonly tabs = new BroadcastChannel("lam-studio");
  private readonly tab = Math.random();
  /** Tabs that began to read after this one did: when they are as many as may read at once, this one lets go. */
  private readonly later = new Set<number>();
  private shown: number | null = null;
  private hiding: ReturnType<typeof setTimeout> | null = null;
  /** How many messages were sent from this tab. */
  sent = 0;

  constructor() {
    this.tabs.onmessage = ({ data }: MessageEvent<Word>) => {
      if (data.about === "reply") this.announceHere(data.session);
      else if (data.reads) this.makeWay(data.tab);
      else this.later.delete(data.tab);
    };
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  get(session: number | null): LiveReply | undefined {
    return session === null ? undefined : this.replies.get(session);
  }

  /** A reply that begins, or one that was found running. The one before it has ended, or nobody waits for it here. */
  put(session: number, reply: LiveReply, back: Back = {}): void {
    this.replies.get(session)?.stream.release();
    this.replies.set(session, reply);
    if (reply.asked !== null) this.sent++;
    this.watch(session, reply, back);
    this.tell();
    if (session === this.shown) this.attend();
  }

  /** What was sent is given back if the gateway does not take it; the other tabs hear when this one has read its reply. */
  private watch(session: number, reply: LiveReply, back: Back): void {
    const { stream } = reply;
    if (stream.isOwn) drafts.sent(session, back);
    const unsubscribe = stream.subscribe(() => {
      if (stream.snapshot.metadata !== null) drafts.taken(session);
      if (stream.isOwn && stream.wasRefused) {
        drafts.giveBack(session, stream.problem?.message ?? words.reply.notAccepted);
        if (this.replies.get(session) === reply) this.drop(session);
        this.announceHere(session);
      }
      if (!stream.over) return;
      unsubscribe();
      this.say({ about: "reader", tab: this.tab, reads: false });
    });
  }

  drop(session: number): void {
    this.replies.get(session)?.stream.release();
    if (this.replies.delete(session)) this.tell();
  }

  /** The session in sight; the others' connections are let go. */
  show(session: number | null): void {
    this.shown = session;
    for (const [id, { stream }] of this.replies) if (id !== session) stream.release();
    this.attend();
  }

  /** Somebody looks at this tab: it reads, and the tab that nobody looked at for longest lets go. */
  attend(): void {
    const stream = this.get(this.shown)?.stream;
    if (stream === undefined || stream.over || document.visibilityState === "hidden") return;
    this.later.clear();
    stream.attach();
    this.say({ about: "reader", tab: this.tab, reads: true });
  }

  /** The tab came into sight, or went out of it: after 30 s its connection is free for others. */
  setVisible(visible: boolean): void {
    if (this.hiding !== null) clearTimeout(this.hiding);
    this.hiding = null;
    if (visible) this.attend();
    else this.hiding = setTimeout(() => this.get(this.shown)?.stream.release(), HIDDEN_MS);
  }

  /** Tells the other tabs that a reply began or ended. */
  announce(session: number): void {
    this.say({ about: "reply", session });
  }

  private announceHere(session: number): void {
    for (const listener of this.announced) listener(session);
  }

  /** What other tabs announce, and what turned out otherwise here. */
  onAnnounced(listener: (session: number) => void): () => void {
    this.announced.add(listener);
    return () => this.announced.delete(listener);
  }

  private makeWay(tab: number): void {
    this.later.add(tab);
    if (this.later.size >= MOST_READERS) this.get(this.shown)?.stream.release();
  }

  private say(word: Word): void {
    this.tabs.postMessage(word);
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}
