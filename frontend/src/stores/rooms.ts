/**
 * A room as it is at every moment: what it is, who is in it, and what they are writing. Frames come in, values come out. It reads the runs
 * that are in sight first, then others, as many as one connection may follow. Knows no React.
 */

import type { Participant, Room, rooms } from "../api/rooms";
import type { BrowserEvents } from "./browser-events";
import type { Painter } from "./painter";
import { Subscribable } from "./subscribable";
import { Tile } from "./tile";

export type RoomEvent = { room_id?: number } & (
  | { type: "followed" }
  | { type: "room"; room: Room }
  | { type: "participant"; participant: Participant }
  | { type: "message"; text: string }
  | { type: "project"; session_id: number | null; participant?: Participant | null }
  | { type: "closed"; reason?: string }
);

/** One connection follows 64 runs; the rest is for the session in sight and for other tabs. */
export const MOST_READ = 62;

type Calls = Pick<typeof rooms, "read" | "participants">;
type Events = Pick<BrowserEvents, "listen" | "watchRoom" | "follow" | "link">;

export class RoomView extends Subscribable {
  room: Room | null = null;
  /** In the order in which they joined; another array after each change. */
  tiles: readonly Tile[] = [];
  /** It is over, or not there for whoever asks. */
  isGone = false;
  /** Whether the owner removed this person. */
  isRemoved = false;
  /** Why it could not be read. */
  problem: Error | null = null;
  private readonly known = new Map<number, Tile>();
  private read = 0;
  /** What was said while everything is read anew: it is newer than the answer. */
  private meanwhile: RoomEvent[] | null = null;
  private isOutdated = false;
  private leave: () => void = () => undefined;

  constructor(
    readonly id: number,
    private readonly events: Events,
    private readonly calls: Calls,
    private readonly isGoneBy: (error: unknown) => boolean,
    private readonly paint?: Pick<Painter, "ask" | "forget">,
  ) {
    super();
  }

  /** Follows the room until the function that comes back is called. */
  start(): () => void {
    const undo = this.events.listen({
      room: (event) => this.hear(event),
      missed: () => void this.load(),
      returned: () => void this.load(),
      refused: () => void this.load(),
    });
    this.events.watchRoom(this.id);
    this.leave = () => {
      this.leave = () => undefined;
      undo();
      this.events.watchRoom(null);
      for (const tile of this.tiles) tile.release();
    };
    void this.load();
    return () => this.leave();
  }

  /** Reads everything anew. */
  async load(): Promise<void> {
    const turn = ++this.read;
    this.isOutdated = false;
    this.meanwhile = [];
    try {
      const room = await this.calls.read(this.id);
      const people = await this.calls.participants(this.id);
      if (turn !== this.read) return;
      this.problem = null;
      this.isGone = false;
      this.room = room;
      this.take(people);
      this.replay();
    } catch (error) {
      if (turn !== this.read) return;
      this.isGone = this.isGoneBy(error);
      this.problem = this.isGone || !(error instanceof Error) ? null : error;
      if (this.isGone) this.take([]);
    }
    this.meanwhile = null;
    this.notify();
    if (this.needsLoading()) await this.load();
  }

  private needsLoading(): boolean {
    return this.isOutdated && !this.isGone;
  }

  /** The room is gone, and is not asked for any more. */
  close(): void {
    this.isGone = true;
    this.take([]);
    this.leave();
    this.notify();
  }

  /** The tile of a participant. */
  of(user: number): Tile | undefined {
    return this.known.get(user);
  }

  /** The tile that has this session. */
  ofSession(session: number | null): Tile | undefined {
    return session === null ? undefined : this.tiles.find(({ person }) => person.session_id === session);
  }

  /** The tile of who looks at this page as a participant: their own conversation reads its run. */
  get own(): Tile | undefined {
    return this.ofSession(this.room?.session_id ?? null);
  }

  /** Tiles came into sight, or went out of it. */
  see(changes: ReadonlyMap<number, boolean>): void {
    for (const [user, isInSight] of changes) this.known.get(user)?.setInSight(isInSight);
    this.follow();
  }

  private hear(event: RoomEvent): void {
    if (event.room_id !== undefined && event.room_id !== this.id) return;
    if (event.type === "followed") {
      if (this.meanwhile === null) void this.load();
      else this.isOutdated = true; // once what is on its way has come
      return;
    }
    this.meanwhile?.push(event);
    this.apply(event);
    this.notify();
  }

  private replay(): void {
    for (const event of this.meanwhile ?? []) this.apply(event);
  }

  private apply(event: RoomEvent): void {
    const { room } = this;
    switch (event.type) {
      case "followed":
        break; // heard before
      case "room":
        if (event.room.id !== this.id) return;
        this.roomIs(event.room);
        break;
      case "participant":
        this.met(event.participant);
        break;
      case "message":
        if (room !== null) this.room = { ...room, message: event.text === "" ? null : event.text };
        break;
      case "project":
        if (room !== null) this.room = { ...room, projected: event.session_id };
        if (event.participant != null) this.met(event.participant);
        break;
      case "closed":
        this.isRemoved = event.reason === "removed";
        this.close();
        break;
    }
  }

  /** A frame is the same for everybody: what is only mine stays as it was. */
  private roomIs(room: Room): void {
    const before = this.room;
    this.room = before === null ? room : { ...before, ...room, ...mineOf(before) };
    if (before?.role !== "owner" && before?.shows_others !== room.shows_others) {
      if (!room.shows_others) this.take([]);
      void this.load();
    }
  }

  private take(people: readonly Participant[]): void {
    const here = new Set(people.map(({ user_id }) => user_id));
    for (const [user, tile] of this.known) {
      if (here.has(user)) continue;
      tile.release();
      this.known.delete(user);
    }
    for (const person of people) this.meet(person);
    this.tiles = [...this.known.values()];
    this.follow();
  }

  private met(person: Participant): void {
    this.meet(person);
    this.tiles = [...this.known.values()];
    this.follow();
  }

  private meet(person: Participant): void {
    const tile = this.known.get(person.user_id);
    if (tile !== undefined) tile.meet(person);
    else this.known.set(person.user_id, new Tile(person, this.events, this.paint));
  }

  private follow(): void {
    const { own } = this;
    const running = this.tiles.filter((tile) => tile.isRunning && tile !== own);
    const wanted = [...running.filter(({ isInSight }) => isInSight), ...running.filter(({ isInSight }) => !isInSight)];
    for (const tile of wanted.slice(MOST_READ)) tile.release();
    for (const tile of wanted.slice(0, MOST_READ)) tile.attach();
  }
}

function mineOf({ role, code, session_id, ends_at }: Room): Partial<Room> {
  return { role, code, session_id, ends_at };
}

/** How many are in the room, and how many of them are answered right now. */
export function counts(tiles: readonly Tile[]): { people: number; running: number } {
  return {
    people: tiles.filter(({ person }) => person.state !== "left" && person.state !== "removed").length,
    running: tiles.filter(({ isRunning }) => isRunning).length,
  };
}
