/** One reply as it arrives: it reads, reconnects, folds, and tells who is interested at most once a frame. Knows no React. */

import { ApiError, unreachable } from "../api/http";
import { follow, send, stop, type Send } from "../api/streams";
import type { Numbered } from "../protocol/events";
import { Snapshot } from "../protocol/fold";

/** `lost`: it tries again by itself. `refused`: `problem` says why, and nothing more will come. */
export type Connection = "connecting" | "open" | "lost" | "released" | "ended" | "refused";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;
const HIDDEN_PAUSE_MS = 250;
/** The gateway breaks each silence after 15 s: a connection that says nothing for so long is dead. */
const DEAD_MS = 45_000;
const PASSING = new Set([0, 408, 429, 500, 502, 503, 504]);

export class LiveStream {
  readonly snapshot = new Snapshot();
  connection: Connection = "connecting";
  problem: ApiError | null = null;
  /** The stop was asked for when so much was shown, in UTF-16 units; the stream says when it has happened. */
  stoppedAt: number | null = null;
  /** Grows with every change. */
  version = 0;

  private readonly listeners = new Set<() => void>();
  private reading: AbortController | null = null;
  private frame: number | null = null;
  private later: ReturnType<typeof setTimeout> | null = null;

  /** It was let go before its stream was known: the message must have arrived before the connection can be. */
  private leaves = false;

  private constructor(
    private readonly first: Send | null,
    private streamId: string | null,
    private readonly ready: (() => Promise<void>) | null = null,
  ) {}

  /** Sends a message, once `ready` allows it. The same message is sent again if the connection breaks before its stream is known: it
   * is still one run. */
  static sending(message: Send, ready: () => Promise<void>): LiveStream {
    const stream = new LiveStream({ client_request_id: requestId(), ...message }, null, ready);
    stream.attach();
    return stream;
  }

  /** Reads once it is attached. */
  static following(streamId: string): LiveStream {
    return new LiveStream(null, streamId);
  }

  /** Whether it was begun here. */
  get isOwn(): boolean {
    return this.first !== null;
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

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Reads on from where it was. */
  attach(): void {
    this.leaves = false;
    if (this.reading !== null || this.over) return;
    this.reading = new AbortController();
    void this.read(this.reading.signal);
  }

  /** Lets the connection go; the run goes on without this reader. */
  release(): void {
    if (this.over || this.connection === "released") return;
    this.leaves = this.streamId === null;
    if (this.leaves) return;
    this.reading?.abort();
    this.reading = null;
    this.set("released");
  }

  /** Stops the model; the text stays as far as it is shown. Throws ApiError, and can be asked again then. */
  async stop(): Promise<void> {
    if (this.over || this.stoppedAt !== null) return;
    const shown = (this.stoppedAt = this.snapshot.text.length);
    this.changed();
    try {
      const id = this.streamId ?? (await this.known());
      if (id !== null) await stop(id, shown);
    } catch (error) {
      this.stoppedAt = null;
      this.changed();
      throw error;
    }
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

  private async read(signal: AbortSignal): Promise<void> {
    let tries = 0;
    for (;;) {
      this.set("connecting");
      const problem = await this.readOnce(signal, () => (tries = 0));
      if (problem === null || gone(signal)) return;
      if (!PASSING.has(problem.status) || (this.streamId === null && problem.status !== 0)) {
        this.refuse(problem);
        return;
      }
      this.problem = problem;
      this.set("lost");
      await pause(Math.min(FIRST_PAUSE_MS * 2 ** tries++, LONGEST_PAUSE_MS), signal);
      if (gone(signal)) return;
    }
  }

  /** One connection. Why it ended too early; null when all has come. */
  private async readOnce(signal: AbortSignal, arrived: () => void): Promise<ApiError | null> {
    const connection = new AbortController();
    const abort = (): void => connection.abort();
    signal.addEventListener("abort", abort);
    let dead = setTimeout(abort, DEAD_MS);
    try {
      for await (const batch of this.batches(connection.signal)) {
        if (gone(signal)) return null;
        clearTimeout(dead);
        dead = setTimeout(abort, DEAD_MS);
        arrived();
        if (batch.length === 0) continue; // the gateway said only that it is there
        const complete = this.take(batch);
        if (this.snapshot.terminal !== null) {
          this.end();
          return null;
        }
        if (!complete) break; // something is missing: ask for it
      }
      return unreachable();
    } catch (error) {
      return error instanceof ApiError ? error : unreachable();
    } finally {
      clearTimeout(dead);
      signal.removeEventListener("abort", abort);
    }
  }

  private async *batches(signal: AbortSignal): AsyncGenerator<Numbered[]> {
    if (this.streamId !== null) {
      yield* follow(this.streamId, this.snapshot.last, signal);
    } else if (this.first !== null) {
      await this.ready?.();
      yield* send(this.first, signal);
    }
  }

  private take(batch: Numbered[]): boolean {
    const complete = this.snapshot.take(batch);
    this.streamId = this.snapshot.metadata?.stream_id ?? this.streamId;
    this.problem = null;
    this.set("open");
    if (this.leaves && this.streamId !== null) {
      this.leaves = false;
      this.release();
    }
    return complete;
  }

  private end(): void {
    this.reading?.abort();
    this.reading = null;
    this.set("ended");
  }

  private refuse(problem: ApiError): void {
    this.reading = null;
    this.problem = problem;
    this.set("refused");
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
    for (const listener of this.listeners) listener();
  }
}

/** Asked through a function: the compiler does not know that it changes while one waits. */
function gone(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Jittered; over at once when the browser is online again, or nobody wants to read any more. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      globalThis.removeEventListener("online", over);
      resolve();
    };
    const timer = setTimeout(over, milliseconds * (0.5 + Math.random() / 2));
    signal.addEventListener("abort", over, { once: true });
    globalThis.addEventListener("online", over);
  });
}

/** A name of our own for a request; `crypto.randomUUID` is missing on plain HTTP. */
function requestId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
