/** One reply as it arrives: it is sent, followed, folded, and tells who is interested at most once a frame. Knows no React. */

import { ApiError, unreachable } from "../api/http";
import { requestId, send, stop, type Send } from "../api/streams";
import type { Numbered } from "../protocol/events";
import { Snapshot } from "../protocol/fold";
import type { RunReader } from "./browser-events";
import type { Link } from "./event-reader";
import { pause } from "./retries";
import { words } from "../words";
import { Subscribable } from "./subscribable";

/** `lost`: it tries again by itself. `released`: nobody reads it here. `refused`: `problem` says why, and nothing more will come. */
export type Connection = "connecting" | "open" | "lost" | "released" | "ended" | "refused";

/** What brings the events of runs. */
export interface Runs {
  readonly link: Link;
  follow: (id: string, reader: RunReader) => () => void;
}

/** Asks for a run, and gives the batches of its stream as long as this connection lasts. */
type Begin = (signal: AbortSignal) => AsyncIterable<Numbered[]>;

const HIDDEN_PAUSE_MS = 250;
/** The gateway answers a message with its stream's first event at once. */
const DEAD_MS = 45_000;

export class LiveStream extends Subscribable implements RunReader {
  readonly snapshot = new Snapshot();
  connection: Connection = "connecting";
  problem: ApiError | null = null;
  /** The stop was asked for when so much was shown, in UTF-16 units; the stream says when it has happened. */
  stoppedAt: number | null = null;
  /** Grows with every change. */
  version = 0;

  private unfollow: (() => void) | null = null;
  private frame: number | null = null;
  private later: ReturnType<typeof setTimeout> | null = null;
  private isWanted = true;

  private constructor(
    private readonly runs: Runs,
    /** Whether it was begun here. */
    readonly isOwn: boolean,
    private streamId: string | null,
  ) {
    super();
  }

  /** Sends a message, once `ready` allows it. The same message is sent again if the connection breaks before its stream is known: it
   * is still one run. */
  static sending(message: Send, runs: Runs, ready: () => Promise<void>): LiveStream {
    const named = { client_request_id: requestId(), ...message };
    return LiveStream.beginning((signal) => send(named, signal), runs, ready);
  }

  /** Begins a run by a request that answers with its stream, once `ready` allows it; again where the connection breaks before that. */
  static beginning(begin: Begin, runs: Runs, ready: () => Promise<void>): LiveStream {
    const stream = new LiveStream(runs, true, null);
    void stream.begin(begin, ready);
    return stream;
  }

  /** Reads once it is attached. */
  static following(streamId: string, runs: Runs): LiveStream {
    return new LiveStream(runs, false, streamId);
  }

  /** The gateway did not take the message. */
  get wasRefused(): boolean {
    return this.connection === "refused" && this.snapshot.metadata === null;
  }

  get id(): string | null {
    return this.streamId;
  }

  get over(): boolean {
    return this.connection === "ended" || this.connection === "refused";
  }

  get last(): number {
    return this.snapshot.last;
  }

  /** Reads on from where it was. */
  attach(): void {
    this.isWanted = true;
    if (this.unfollow !== null || this.over || this.streamId === null) return;
    this.unfollow = this.runs.follow(this.streamId, this);
    this.linked();
  }

  /** Reads no more; the run goes on without this reader. */
  release(): void {
    this.isWanted = false;
    if (this.over || this.streamId === null) return; // a message must have arrived before it can be let go
    this.leave();
    this.set("released");
  }

  /**
   * Stops the model; the text stays as far as it is shown. `known`: the length of the gateway's text, which the page shows until the
   * stream has told as much. Throws ApiError, and can be asked again then.
   */
  async stop(known = 0): Promise<void> {
    if (this.over || this.stoppedAt !== null) return;
    const { text, thinking } = this.snapshot;
    const length = (this.stoppedAt = text.length + thinking.length < known ? known : text.length);
    this.changed();
    try {
      const id = this.streamId ?? (await this.known());
      if (id !== null) await stop(id, length);
    } catch (error) {
      this.stoppedAt = null;
      this.changed();
      throw error;
    }
  }

  // As a reader of its run

  take(batch: Numbered[]): boolean {
    const isComplete = this.snapshot.take(batch);
    this.streamId = this.snapshot.metadata?.stream_id ?? this.streamId;
    this.problem = null;
    if (this.snapshot.terminal !== null) this.end();
    else this.set("open");
    return isComplete;
  }

  closed(reason: string): void {
    this.leave();
    if (this.over) return;
    this.problem = new ApiError(404, reason, words.reply.gone);
    this.set("refused");
  }

  linked(): void {
    const { link } = this.runs;
    if (this.over || this.unfollow === null) return;
    this.problem = link === "lost" || link === "refused" ? unreachable() : null;
    this.set(link === "open" ? "open" : link === "lost" ? "lost" : "connecting");
  }

  /** The stream's id once it is known; null if it never will be. */
  private known(): Promise<string | null> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.streamId === null && !this.over) return;
        unsubscribe();
        resolve(this.streamId);
      };
      const unsubscribe = this.subscribe(look);
      look();
    });
  }

  private async begin(begin: Begin, ready: () => Promise<void>): Promise<void> {
    const never = new AbortController().signal;
    for (let tries = 0; this.streamId === null; tries++) {
      this.set("connecting");
      const problem = await this.beginOnce(begin, ready);
      if (problem === null) break;
      if (problem.status !== 0) {
        this.problem = problem;
        this.set("refused");
        return;
      }
      this.problem = problem;
      this.set("lost");
      await pause(tries, never);
    }
    if (!this.isWanted) this.release();
  }

  /** Until its first events have come: the rest is read where all runs are read, and this connection is free again. */
  private async beginOnce(begin: Begin, ready: () => Promise<void>): Promise<ApiError | null> {
    const connection = new AbortController();
    let dead: ReturnType<typeof setTimeout> | undefined;
    try {
      await ready();
      dead = setTimeout(() => connection.abort(), DEAD_MS);
      for await (const batch of begin(connection.signal)) {
        if (batch.length === 0) continue;
        this.take(batch);
        if (this.streamId === null) continue;
        if (this.isWanted) this.attach(); // before this reader leaves
        return null;
      }
      return unreachable();
    } catch (error) {
      return error instanceof ApiError ? error : unreachable();
    } finally {
      clearTimeout(dead);
      connection.abort();
    }
  }

  private leave(): void {
    this.unfollow?.();
    this.unfollow = null;
  }

  private end(): void {
    this.leave();
    this.set("ended");
  }

  private set(connection: Connection): void {
    this.connection = connection;
    this.changed();
  }

  /** Tells the listeners with the next frame, however much has come until then; an ending is told at once. A tab that is not
   * seen gets no frames: it is told now and then. */
  private changed(): void {
    this.version++;
    if (this.over || typeof requestAnimationFrame === "undefined") {
      this.tell();
    } else if (document.visibilityState === "hidden") {
      this.later ??= setTimeout(() => this.tell(), HIDDEN_PAUSE_MS);
    } else {
      this.frame ??= requestAnimationFrame(() => this.tell());
    }
  }

  private tell(): void {
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    if (this.later !== null) clearTimeout(this.later);
    this.frame = this.later = null;
    this.notify();
  }
}
