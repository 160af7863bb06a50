/**
 * The one event connection of a browser, as each of its tabs sees it: one tab leads and reads, and tells the others by a BroadcastChannel.
 * A tab says what it wants, and repeats it as long as it lives; it lets go of all that after 30 s out of sight. Knows no React.
 */

import { keptName } from "../base";
import type { Scope } from "../api/events";
import type { FolderAnswer, ListedSession } from "../api/schema";
import { eventOf, type Numbered } from "../protocol/events";
import type { Frame } from "../protocol/frames";
import { EventReader, wireOf, type Link, type Sink } from "./event-reader";
import type { LabEvent } from "./lab";
import { Leadership, type Claim, type Timings } from "./leadership";
import type { RoomEvent } from "./rooms";
import { Subscribable } from "./subscribable";
import type { TogetherEvent } from "./together";

export type ListEvent =
  | { type: "session"; session: ListedSession }
  | { type: "deleted"; session_id: number }
  | { type: "folder"; folder: FolderAnswer }
  | { type: "folder_deleted"; folder_id: number };
export type SessionEvent =
  | { type: "followed"; session_id: number; active_message_id: number | null; stream_id: string | null }
  | { type: "run"; session_id: number; stream_id: string }
  | { type: "messages"; session_id: number }
  | { type: "closed"; session_id: number }
  | TogetherEvent;

/** Who reads a run. */
export interface RunReader {
  /** The number of the last event that arrived. */
  readonly last: number;
  /** False: something is missing in between. */
  take: (batch: Numbered[]) => boolean;
  /** It cannot be read: `not_found`, `ended`, `invalid`. */
  closed: (reason: string) => void;
  linked: () => void;
}

/** What a store hears; what it has no function for passes it by. */
export interface Listener {
  list?: (event: ListEvent) => void;
  session?: (event: SessionEvent) => void;
  lab?: (event: LabEvent) => void;
  room?: (event: RoomEvent) => void;
  /** Anything may have changed meanwhile. */
  missed?: () => void;
  /** Somebody looks at this tab again after a while: what it has in sight may have changed without a frame. */
  returned?: () => void;
  /** Nothing more will come, such as where the login was ended. */
  refused?: () => void;
}

/** What a tab wants: a session in sight, a room, and runs, each from an event on, or from where the connection is. */
interface Want {
  /** Nobody looks at the tab. */
  isHidden?: boolean;
  session: number | null;
  room: number | null;
  runs: [id: string, after: number | null][];
}

type Word =
  | Claim
  | { about: "wants"; tab: string; want: Want | null }
  | { about: "frames"; tab: string; frames: Frame[]; cursor: string | null }
  | { about: "link"; tab: string; link: Link };

interface Surroundings {
  /** Of the lock by which tabs agree. */
  name?: string;
  channel: Pick<BroadcastChannel, "postMessage" | "close" | "onmessage"> | null;
  locks: LockManager | undefined;
  timings: Timings & { hiddenMs: number; goneMs: number };
  isHidden: () => boolean;
  reader: (sink: Sink, cursor: string | null) => Pick<EventReader, "start" | "stop" | "follow">;
}

const TIMINGS = { askMs: 4_000, patienceMs: 3_000, firstMs: 200, hiddenMs: 30_000, goneMs: 60_000 };

/** As it is in a browser. A guest has a connection of its own, beside that of whoever is signed in here. */
export function browser(scope: Scope | null = null): Surroundings {
  const name = keptName(scope === null ? "lam-studio-events" : `lam-studio-events ${scope}`);
  const locks = (navigator as { locks?: LockManager }).locks; // not on plain HTTP
  return {
    name,
    channel: typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(name),
    locks,
    timings: TIMINGS,
    isHidden: () => document.visibilityState === "hidden",
    reader: (sink, cursor) => new EventReader(sink, cursor, wireOf(scope)),
  };
}

export class BrowserEvents extends Subscribable {
  link: Link = "connecting";
  private readonly tab = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
  private readonly leadership: Leadership;
  private readonly audience = new Set<Listener>();
  private readonly runs = new Map<string, RunReader>();
  /** Runs that the leader must be given the number of. */
  private readonly placed = new Set<string>();
  private session: number | null = null;
  private room: number | null = null;
  private isAway = false;
  private hiddenAt: number | null = null;
  /** Others are told whether somebody is here: what is in sight stays followed also when nobody looks. */
  private isCompany = false;
  private hiding: ReturnType<typeof setTimeout> | null = null;
  private repeating: ReturnType<typeof setInterval> | undefined;
  /** Where each run was when this tab repeated its wants. */
  private positions = new Map<string, number>();
  private isSaying = false;
  private isRunning = false;
  private cursor: string | null = null;
  // Of the tab that leads
  private reader: Pick<EventReader, "start" | "stop" | "follow"> | null = null;
  private readonly wants = new Map<string, Want>();
  private readonly lastHeard = new Map<string, number>();

  constructor(private readonly around: Surroundings = browser()) {
    super();
    const { channel, locks, timings, isHidden } = around;
    const say = (claim: Claim): void => this.post(claim);
    this.leadership = new Leadership(
      this.tab,
      say,
      () => this.ledAnew(),
      () => !isHidden(),
      timings,
      locks,
      channel !== null,
      around.name,
    );
    if (channel !== null) channel.onmessage = ({ data }: MessageEvent<Word>) => this.hear(data);
  }

  start(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    this.leadership.start();
    this.say();
    this.repeating = setInterval(() => this.repeat(), this.around.timings.goneMs / 3);
  }

  /** Takes its leave of the other tabs. `start` begins again. */
  stop(): void {
    if (!this.isRunning) return;
    this.isRunning = false;
    this.post({ about: "wants", tab: this.tab, want: null });
    this.reader?.stop();
    this.reader = null;
    this.wants.clear();
    this.leadership.stop();
    clearInterval(this.repeating);
    if (this.hiding !== null) clearTimeout(this.hiding);
    this.hiding = null;
  }

  /** Says what it hears until the function that comes back is called. */
  listen(listener: Listener): () => void {
    this.audience.add(listener);
    return () => this.audience.delete(listener);
  }

  /** The session in sight. */
  watch(session: number | null): void {
    if (this.session === session) return;
    this.session = session;
    this.say();
  }

  /** The room in sight. */
  watchRoom(room: number | null): void {
    if (this.room === room) return;
    this.room = room;
    this.say();
  }

  /** Whether others are told that somebody is here: then a tab that nobody looks at is away, and has not left. */
  stay(isCompany: boolean): void {
    if (this.isCompany === isCompany) return;
    this.isCompany = isCompany;
    this.say();
  }

  /** Reads a run from where its reader is, until its end or until the function that comes back is called. */
  follow(id: string, reader: RunReader): () => void {
    this.runs.set(id, reader);
    this.placed.add(id);
    this.say();
    return () => {
      if (this.runs.get(id) !== reader) return;
      this.runs.delete(id);
      this.placed.delete(id);
      this.say();
    };
  }

  /** The tab came into sight, or went out of it: after a while it lets go of everything. */
  look(): void {
    if (this.hiding !== null) clearTimeout(this.hiding);
    this.hiding = null;
    const { isHidden, timings } = this.around;
    if (isHidden()) {
      this.hiddenAt ??= Date.now();
      this.hiding = setTimeout(() => this.setAway(true), timings.hiddenMs);
      this.say(); // whoever is hidden is away
    } else {
      const since = this.hiddenAt;
      this.hiddenAt = null;
      this.setAway(false);
      if (since !== null && Date.now() - since >= timings.hiddenMs) for (const listener of this.audience) listener.returned?.();
    }
  }

  private setAway(isAway: boolean): void {
    this.isAway = isAway; // also where it was not away: a tab that was frozen before it could let go has missed events
    for (const id of this.runs.keys()) this.placed.add(id);
    this.say();
  }

  /** Tells the leader what this tab wants; what changes in the same moment is told once. */
  private say(): void {
    if (this.isSaying || !this.isRunning) return;
    this.isSaying = true;
    queueMicrotask(() => {
      this.isSaying = false;
      if (!this.isRunning) return;
      const runs = [...this.runs].map(([id, reader]): [string, number | null] => [id, this.placed.has(id) ? reader.last : null]);
      const isHidden = this.around.isHidden();
      const sight = { session: this.session, room: this.room, ...(isHidden && { isHidden }) };
      const want = !this.isAway ? { ...sight, runs } : this.isCompany ? { ...sight, runs: [] } : null;
      if (this.leadership.leads) this.take(this.tab, want);
      else this.post({ about: "wants", tab: this.tab, want });
      this.placed.clear();
    });
  }

  /** The leader forgets a tab that says nothing, whatever the leader itself says, and a frozen tab hears no word. */
  private repeat(): void {
    if (this.link === "refused") return; // it would be tried again
    const before = this.positions;
    this.positions = new Map([...this.runs].map(([id, { last }]) => [id, last]));
    // A run that stands still may wait for events that this tab missed. Those of a run that moves may be on their way: with a number
    // they would come twice.
    for (const [id, last] of this.positions) if (before.get(id) === last) this.placed.add(id);
    this.say();
  }

  private post(word: Word): void {
    this.around.channel?.postMessage(word);
  }

  private hear(word: Word): void {
    if (!this.isRunning) return;
    this.lastHeard.set(word.tab, Date.now());
    if (word.tab === this.leadership.leader) this.leadership.heard();
    switch (word.about) {
      case "asks":
      case "leads":
      case "leaves":
        this.leadership.hear(word);
        if (word.about === "asks" && this.leadership.leads) this.post({ about: "link", tab: this.tab, link: this.link });
        break;
      case "wants":
        if (this.leadership.leads) this.take(word.tab, word.want);
        break;
      case "frames":
        if (!this.leadership.leads) this.dispatch(word.frames, word.cursor);
        break;
      case "link":
        if (!this.leadership.leads) this.setLink(word.link);
        break;
    }
  }

  /** This tab leads from now on, or no longer does, or another one leads: that one must be told everything. */
  private ledAnew(): void {
    for (const id of this.runs.keys()) this.placed.add(id);
    this.wants.clear();
    this.reader?.stop();
    this.reader = this.leadership.leads ? this.around.reader(this.sink(), this.cursor) : null;
    this.say();
  }

  private sink(): Sink {
    return {
      frames: (frames, cursor) => {
        const others = new Set(
          [...this.wants].filter(([tab]) => tab !== this.tab).flatMap(([, { runs }]) => runs.map(([id]) => id)),
        );
        const told = frames.filter(({ stream }) => isShared(stream) || others.has(stream));
        if (told.length > 0) this.post({ about: "frames", tab: this.tab, frames: told, cursor });
        this.dispatch(frames, cursor);
      },
      link: (link) => {
        if (link === "idle") return; // everybody is away, or this tab has said so itself
        this.post({ about: "link", tab: this.tab, link });
        this.setLink(link);
      },
    };
  }

  /** What a tab wants, at the tab that leads. null: nothing; it is away, or gone. */
  private take(tab: string, want: Want | null): void {
    if (want === null) this.wants.delete(tab);
    else this.wants.set(tab, want);
    const now = Date.now();
    const runs = new Map<string, number | null>();
    const sessions = new Set<number>();
    const rooms = new Set<number>();
    for (const [other, wanted] of this.wants) {
      if (other !== this.tab && now - (this.lastHeard.get(other) ?? 0) > this.around.timings.goneMs) {
        this.wants.delete(other); // it went without a word
        continue;
      }
      if (wanted.session !== null) sessions.add(wanted.session);
      if (wanted.room != null) rooms.add(wanted.room); // a tab of an earlier release wants none
      for (const [id, after] of wanted.runs) {
        const before = runs.get(id) ?? null;
        runs.set(id, after === null ? before : Math.min(before ?? after, after));
      }
      this.wants.set(other, { ...wanted, runs: wanted.runs.map(([id]) => [id, null]) });
    }
    const isHidden = [...this.wants.values()].every((wanted) => wanted.isHidden === true);
    this.reader?.follow(sessions, runs, rooms, isHidden);
    if (this.wants.size === 0) this.reader?.stop();
    else this.reader?.start();
  }

  private setLink(link: Link): void {
    if (this.link === link) return;
    this.link = link;
    for (const reader of this.runs.values()) reader.linked();
    if (link === "refused") for (const listener of this.audience) listener.refused?.();
    this.notify();
  }

  private dispatch(frames: Frame[], cursor: string | null): void {
    this.cursor = cursor ?? this.cursor;
    this.setLink("open");
    const runs = new Map<string, Frame[]>();
    for (const frame of frames) {
      if (isShared(frame.stream)) this.tell(frame);
      else runs.set(frame.stream, [...(runs.get(frame.stream) ?? []), frame]);
    }
    for (const [id, its] of runs) this.read(id, its);
  }

  private tell({ stream, event }: Frame): void {
    for (const listener of this.audience) {
      if (stream === "sessions") listener.list?.(event as unknown as ListEvent);
      else if (stream === "session") listener.session?.(event as unknown as SessionEvent);
      else if (stream === "lab") listener.lab?.(event as unknown as LabEvent);
      else if (stream === "room") listener.room?.(event as unknown as RoomEvent);
      else if (event.type === "reset") listener.missed?.();
    }
  }

  private read(id: string, frames: Frame[]): void {
    const reader = this.runs.get(id);
    if (reader === undefined) return;
    const closed = frames.find(({ event }) => event.type === "closed");
    const batch = frames.filter((frame) => frame !== closed).map(({ n, event }) => ({ id: n, event: eventOf(event) }));
    if (!reader.take(batch) && this.runs.get(id) === reader) {
      this.placed.add(id); // something is missing: it comes again from there
      this.say();
    }
    if (closed !== undefined) reader.closed(String(closed.event["reason"]));
  }
}

function isShared(stream: string): boolean {
  return stream === "connection" || stream === "sessions" || stream === "session" || stream === "lab" || stream === "room";
}
