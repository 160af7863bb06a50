/**
 * One participant's newest reply as a tile shows it. It reads one run after the other and keeps the text of the last one. Whoever draws the
 * end of it is asked with the next frame of the painter, and only while the tile is in sight. Knows no React.
 */

import type { Participant } from "../api/rooms";
import type { Numbered } from "../protocol/events";
import { Snapshot } from "../protocol/fold";
import type { RunReader } from "./browser-events";
import type { Runs } from "./live-stream";
import { painter, type Painter } from "./painter";
import { Subscribable } from "./subscribable";

/** So much of a text is drawn, and twice as much before its beginning moves: lines wrap anew as seldom as that. */
export const DRAWN_UNITS = 700;

export class Tile extends Subscribable implements RunReader {
  snapshot = new Snapshot();
  /** Grows with each change. */
  version = 0;
  isInSight = false;
  private run: string | null = null;
  /** Runs whose end was read, or that cannot be read. */
  private ended: string | null = null;
  private unfollow: (() => void) | null = null;
  private start = 0;
  private drawing: ((text: string) => void) | null = null;
  private drawn: string | null = null;

  constructor(
    public person: Participant,
    private readonly runs: Runs,
    private readonly paint: Pick<Painter, "ask" | "forget"> = painter,
  ) {
    super();
  }

  get last(): number {
    return this.snapshot.last;
  }

  /** The run that there is to read; null: none runs. */
  get wants(): string | null {
    const { stream_id: id } = this.person;
    return id === this.ended ? null : id;
  }

  get isRunning(): boolean {
    return this.wants !== null;
  }

  /** All of the newest reply; where it was not read to its end, what the gateway told of that end. */
  get text(): string {
    const { text } = this.snapshot;
    if (this.run === null) return this.person.last;
    const isOver = this.person.stream_id === null; // then the gateway knows the end of the newest message
    return isOver && !text.endsWith(this.person.last) ? this.person.last : text;
  }

  /** The end of the text; it begins at the same place for a while. */
  get end(): string {
    const { text } = this;
    if (this.start > text.length) this.start = 0;
    if (text.length - this.start > 2 * DRAWN_UNITS) this.start = beginning(text, text.length - DRAWN_UNITS);
    return this.start === 0 ? text : text.slice(this.start);
  }

  /** What is known of the person is something else. */
  meet(person: Participant): void {
    if (this.person === person) return;
    this.person = person;
    if (this.unfollow !== null && this.run !== this.wants) this.release();
    this.changed();
  }

  /** Reads the run that there is. */
  attach(): void {
    const { wants } = this;
    if (wants === null || this.unfollow !== null) return;
    if (this.run !== wants) {
      this.run = wants;
      this.snapshot = new Snapshot();
      this.start = 0;
    }
    this.unfollow = this.runs.follow(wants, this);
  }

  /** Reads no more; `attach` goes on where it was. */
  release(): void {
    this.unfollow?.();
    this.unfollow = null;
  }

  /** Draws by this function until the one that comes back is called. */
  draw(write: (text: string) => void): () => void {
    this.drawing = write;
    this.drawn = null;
    this.look();
    return () => {
      if (this.drawing !== write) return;
      this.drawing = null;
      this.paint.forget(this.now);
    };
  }

  setInSight(isInSight: boolean): void {
    this.isInSight = isInSight;
    if (isInSight) this.look();
  }

  // As a reader of its run

  take(batch: Numbered[]): boolean {
    const isComplete = this.snapshot.take(batch);
    if (this.snapshot.terminal !== null) this.leave();
    this.changed();
    return isComplete;
  }

  closed(): void {
    this.leave();
    this.changed();
  }

  linked(): void {
    // the page says itself that the gateway does not answer
  }

  private leave(): void {
    this.ended = this.run;
    this.release();
  }

  private changed(): void {
    this.version++;
    this.look();
    this.paint.ask(this.tell);
  }

  private readonly tell = (): void => this.notify();

  private look(): void {
    if (this.drawing !== null && this.isInSight) this.paint.ask(this.now);
  }

  private readonly now = (): void => {
    const { end } = this;
    if (!this.isInSight || end === this.drawn) return;
    this.drawn = end;
    this.drawing?.(end);
  };
}

/** Where a text may begin near a place: after a line's end, else between words, else between characters. */
export function beginning(text: string, near: number): number {
  const until = near + DRAWN_UNITS / 2;
  const line = text.indexOf("\n", near);
  if (line !== -1 && line < until) return line + 1;
  const space = text.indexOf(" ", near);
  if (space !== -1 && space < until) return space + 1;
  return /[\uDC00-\uDFFF]/.test(text.charAt(near)) ? near + 1 : near;
}
