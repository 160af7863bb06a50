/** One event connection: it reads, reconnects where it was, and keeps the gateway informed of what to follow. Knows no tabs. */

import { followEvents, readEvents, type Arrival, type Followed, type Scope } from "../api/events";
import { ApiError, unreachable } from "../api/http";
import type { Frame } from "../protocol/frames";
import { passes, pause } from "./retries";

/** `lost`: it tries again by itself. `refused`: nothing more will come. `idle`: nobody wants anything. */
export type Link = "idle" | "connecting" | "open" | "lost" | "refused";

/** The gateway breaks each silence after 15 s: a connection that says nothing for so long is dead. */
const DEAD_MS = 45_000;
/** The gateway follows up to so many sessions on one connection, and so many runs. */
const MOST_SESSIONS = 50;
const MOST_RUNS = 64;

/** What a new connection follows, as `wish` writes it. */
const NOTHING = "[[],[],[]]";

export interface Sink {
  frames: (frames: Frame[], cursor: string | null) => void;
  link: (link: Link) => void;
}

/** How it reaches the gateway; tests have another one. */
export interface Wire {
  read: (cursor: string | null, signal: AbortSignal) => AsyncIterable<Arrival>;
  follow: (connection: string, followed: Followed) => Promise<void>;
}

/** As who is signed in, or as a guest. */
export function wireOf(scope: Scope | null): Wire {
  return {
    read: (cursor, signal) => readEvents(cursor, signal, scope),
    follow: (connection, followed) => followEvents(connection, followed, scope),
  };
}

export class EventReader {
  private reading: AbortController | null = null;
  /** The one connection that is open, to be broken off where it is no longer good. */
  private open: AbortController | null = null;
  private connection: string | null = null;
  private sessions = new Set<number>();
  private rooms = new Set<number>();
  /** Each run that is followed, and the number of the last event that everybody here has. */
  private readonly runs = new Map<string, number>();
  /** Those whose next event has not come yet: events with other numbers were sent before the gateway knew the number. */
  private readonly awaited = new Set<string>();
  /** Those that the gateway must be given the number of. */
  private readonly placed = new Set<string>();
  /** Those whose end has arrived, as long as somebody asks for them. */
  private readonly ended = new Set<string>();
  private isHidden = false;
  /** The open connection was told that nobody looks. */
  private saidHidden = false;
  private said = NOTHING;
  private saying = false;

  constructor(
    private readonly sink: Sink,
    /** The id of the last frame that anybody here has. */
    private cursor: string | null = null,
    private readonly wire: Wire = wireOf(null),
  ) {}

  start(): void {
    if (this.reading !== null) return;
    this.reading = new AbortController();
    void this.read(this.reading.signal);
  }

  /** Lets the connection go. `start` goes on where it was. */
  stop(): void {
    if (this.reading === null) return;
    this.reading.abort();
    this.reading = null;
    this.sink.link("idle");
  }

  /** All that is followed from now on. A run with a number must come from there, also where more has arrived already. `isHidden`: nobody looks. */
  follow(
    sessions: Iterable<number>,
    runs: ReadonlyMap<string, number | null>,
    rooms: Iterable<number> = [],
    isHidden = false,
  ): void {
    this.isHidden = isHidden;
    this.sessions = new Set(sessions);
    this.rooms = new Set(rooms);
    for (const [id, after] of runs) {
      const at = this.runs.get(id);
      const isNew = at === undefined && !this.ended.has(id);
      if (after === null ? !isNew : !isNew && at !== undefined && at <= after) continue;
      this.runs.set(id, after ?? 0);
      this.awaited.add(id);
      this.placed.add(id);
      this.ended.delete(id);
    }
    for (const id of this.runs.keys()) if (!runs.has(id)) this.forget(id);
    for (const id of this.ended) if (!runs.has(id)) this.ended.delete(id);
    void this.say();
  }

  private async read(signal: AbortSignal): Promise<void> {
    let tries = 0;
    for (;;) {
      this.sink.link("connecting");
      const problem = await this.readOnce(signal, () => (tries = 0));
      if (isOver(signal)) return;
      if (!passes(problem.status)) {
        this.reading = null;
        this.sink.link("refused");
        return;
      }
      this.sink.link("lost");
      await pause(tries++, signal);
      if (isOver(signal)) return;
    }
  }

  /** One connection; why it ended. */
  private async readOnce(signal: AbortSignal, arrived: () => void): Promise<ApiError> {
    const open = (this.open = new AbortController());
    const abort = (): void => open.abort();
    signal.addEventListener("abort", abort);
    let dead = setTimeout(abort, DEAD_MS);
    try {
      for await (const arrival of this.wire.read(this.cursor, open.signal)) {
        if (isOver(signal)) break;
        clearTimeout(dead);
        dead = setTimeout(abort, DEAD_MS);
        arrived();
        this.take(arrival);
      }
      return unreachable();
    } catch (error) {
      return error instanceof ApiError ? error : unreachable();
    } finally {
      clearTimeout(dead);
      signal.removeEventListener("abort", abort);
      this.connection = null;
    }
  }

  private take({ frames, cursor }: Arrival): void {
    const isFirst = this.cursor === null;
    this.cursor = cursor ?? this.cursor;
    for (const { stream, n, event } of frames) {
      if (stream === "connection") this.greeted(String(event["id"]));
      else if (this.runs.has(stream)) this.arrived(stream, n, event.type);
    }
    // Who has no cursor may have missed changes as after a reset.
    const told = isFirst
      ? frames.map((frame) => (frame.stream === "connection" ? { ...frame, event: { ...frame.event, type: "reset" } } : frame))
      : frames;
    if (told.length > 0) this.sink.frames(told, this.cursor);
  }

  private greeted(id: string): void {
    if (this.connection !== id) {
      this.connection = id;
      this.said = NOTHING;
      this.saidHidden = false;
      for (const run of this.runs.keys()) this.placed.add(run);
      this.sink.link("open");
    }
    void this.say();
  }

  private arrived(run: string, number: number, type: string): void {
    const isNext = number === (this.runs.get(run) ?? 0) + 1;
    const isAnswer = isNext || type === "metadata" || type === "closed"; // a rebuilt run has numbers of its own
    if (this.awaited.has(run) && !isAnswer) return;
    this.awaited.delete(run);
    if (type !== "done" && type !== "error" && type !== "closed") {
      this.runs.set(run, number);
      return;
    }
    const wasSaid = this.said === this.wish();
    this.forget(run);
    this.ended.add(run);
    if (wasSaid) this.said = this.wish(); // the gateway knows that by itself
  }

  private forget(run: string): void {
    this.runs.delete(run);
    this.awaited.delete(run);
    this.placed.delete(run);
  }

  private wish(): string {
    return JSON.stringify([
      [...this.sessions].sort(),
      [...this.runs.keys()].sort(),
      [...this.rooms].sort(),
      ...(this.isHidden ? ["hidden"] : []),
    ]);
  }

  /** Tells the gateway what is followed, one request at a time; what changes meanwhile is told with the next one. */
  private async say(): Promise<void> {
    if (this.saying) return;
    this.saying = true;
    await Promise.resolve(); // what changes in the same moment is one request
    while (this.connection !== null && (this.said !== this.wish() || this.placed.size > 0)) {
      const { connection } = this;
      const wish = this.wish();
      const run = [...this.runs].slice(-MOST_RUNS).map(([id, at]) => (this.placed.has(id) ? `${id}@${at}` : id));
      const { isHidden, saidHidden } = this;
      this.placed.clear();
      this.said = wish;
      this.saidHidden = isHidden;
      try {
        const session = [...this.sessions].slice(-MOST_SESSIONS);
        await this.wire.follow(connection, {
          session,
          run,
          ...(this.rooms.size > 0 && { room: [...this.rooms] }),
          ...(isHidden !== saidHidden && { hidden: isHidden }),
        });
      } catch {
        if (this.isStill(connection)) this.open?.abort(); // another connection is told everything anew
        break;
      }
    }
    this.saying = false;
    if (this.connection !== null && (this.said !== this.wish() || this.placed.size > 0)) void this.say();
  }

  private isStill(connection: string): boolean {
    if (this.connection !== connection) return false;
    this.connection = null;
    return true;
  }
}

/** Asked through a function: the compiler does not know that it changes while one waits. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
