/** The streams of a run that are read side by side: which trials they belong to, and their text. Knows no React. */

import type { Cell } from "../api/lab";
import type { LabRuns } from "./lab";
import { LiveStream } from "./live-stream";
import { Subscribable } from "./subscribable";

const MOST_PANES = 4;

/** `cell`: the trial's number. `isPinned`: somebody chose it, and it stays. */
export interface Pane {
  cell: number;
  isPinned: boolean;
  stream: LiveStream | undefined;
}

export class Panes extends Subscribable {
  private panes: readonly Pane[] = [];
  private readonly pins = new Map<number, number>();
  private unsubscribe: (() => void) | null = null;

  constructor(
    private readonly labs: LabRuns,
    private readonly run: number,
  ) {
    super();
  }

  get = (): readonly Pane[] => this.panes;

  /** Reads until the function that comes back is called. */
  start = (): (() => void) => {
    this.unsubscribe?.();
    this.unsubscribe = this.labs.subscribe(() => this.look());
    for (const { stream } of this.panes) stream?.attach();
    this.look();
    return () => {
      this.unsubscribe?.();
      this.unsubscribe = null;
      for (const { stream } of this.panes) stream?.release();
    };
  };

  /** The pane at this place shows that trial from now on; null: the newest that runs. */
  choose(place: number, cell: number | null): void {
    if (cell === null) this.pins.delete(place);
    else this.pins.set(place, cell);
    this.look();
  }

  private look(): void {
    const cells = this.labs.get(this.run)?.rows.flatMap((row) => row.cells) ?? [];
    const before = this.panes;
    const numbers = inSight(
      before.map(({ cell }) => cell),
      this.pins,
      cells,
    );
    const after = numbers.map((number, place) => this.pane(number, place, cells));
    if (after.length === before.length && after.every((pane, place) => pane === before[place])) return;
    const streams = new Set(after.map(({ stream }) => stream));
    for (const { stream } of before) if (!streams.has(stream)) stream?.release();
    this.panes = after;
    this.notify();
  }

  private pane(number: number, place: number, cells: readonly Cell[]): Pane {
    const isPinned = this.pins.get(place) === number;
    const known = this.panes.find(({ cell }) => cell === number);
    const cell = cells.find((one) => one.number === number);
    const id = cell?.status === "running" ? cell.stream_id : null;
    const isNew = id !== null && known?.stream?.id !== id; // a trial that was given up has another one later
    if (known !== undefined && !isNew) return known.isPinned === isPinned ? known : { ...known, isPinned };
    return { cell: number, isPinned, stream: id === null ? undefined : this.follow(id) };
  }

  private follow(id: string): LiveStream | undefined {
    if (this.labs.streams === null) return undefined;
    const stream = LiveStream.following(id, this.labs.streams);
    stream.attach();
    return stream;
  }
}

/**
 * The trials that are shown, each at its place: one that somebody pinned there, else the one that was there as long as it runs, else the
 * newest that runs. One that has ended stays until another takes its place, so that its last words can be read.
 */
export function inSight(before: readonly number[], pins: ReadonlyMap<number, number>, cells: readonly Cell[]): number[] {
  const running = cells.filter(({ status, stream_id }) => status === "running" && stream_id !== null).map(({ number }) => number);
  const shown = new Set([...pins.values(), ...before.filter((number, place) => !pins.has(place) && running.includes(number))]);
  const newest = running.filter((number) => !shown.has(number)).sort((one, other) => other - one);
  const all = before.map((number, place) => {
    const pin = pins.get(place);
    if (pin !== undefined) return pin;
    const isTaken = [...pins.values()].includes(number);
    return running.includes(number) && !isTaken ? number : (newest.shift() ?? (isTaken ? null : number));
  });
  const kept = all.filter((number): number is number => number !== null);
  return [...kept, ...newest.slice(0, Math.max(0, MOST_PANES - kept.length))];
}
