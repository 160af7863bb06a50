/**
 * The lab's runs in this tab: answers and frames in, rows of cells out. A frame that comes while an answer is on its way is applied to
 * that answer too, which may be older. Knows no React, and no cache of lists.
 */

import { lab, type Cell, type Counts, type LabRun, type ListedRun, type NewLabRun } from "../api/lab";
import type { Runs } from "./live-stream";
import { Subscribable } from "./subscribable";

/** What the event connection tells of a run: how it stands, and the cells that changed; or that it is gone. */
export type LabEvent =
  | { type: "lab"; run: number; status: ListedRun["status"]; counts: Counts; unserved: string[]; cells: Cell[] }
  | { type: "lab_deleted"; run: number };

/** Trials of the same prompt, model and setting, in the order of their numbers. */
export interface LabRow {
  template: number;
  model: number;
  setting: number;
  cells: readonly Cell[];
}

/** A run as it is now. Rows and cells that did not change are the same objects as before. */
export interface LabView {
  run: Omit<LabRun, "cells">;
  rows: readonly LabRow[];
}

/** Frames that an answer may have to be brought up to date with. */
const KEPT = 1000;

export class LabRuns extends Subscribable {
  private readonly views = new Map<number, LabView>();
  private readonly frames: { number: number; event: LabEvent }[] = [];
  private number = 0;
  /** What brings the events of the trials' streams. */
  streams: Runs | null = null;

  constructor(
    /** How it reaches the gateway; tests have another one. */
    private readonly gateway: Pick<typeof lab, "run" | "runs" | "begin"> = lab,
  ) {
    super();
  }

  /** To be taken when something is asked for. */
  get mark(): number {
    return this.number;
  }

  /** Asks for a run. Throws ApiError. */
  async read(id: number): Promise<void> {
    const { mark } = this;
    this.answered(await this.gateway.run(id), mark);
  }

  /** Begins one, and gives its number. Throws ApiError. */
  async begin(run: NewLabRun): Promise<number> {
    const { mark } = this;
    const begun = await this.gateway.begin(run);
    this.answered(begun, mark);
    return begun.id;
  }

  /** All of them. Throws ApiError. */
  async list(): Promise<ListedRun[]> {
    const { mark } = this;
    const all = await this.gateway.runs();
    return this.frames.filter(({ number }) => number > mark).reduce((list, { event }) => listed(list, event) ?? list, all);
  }

  get(id: number): LabView | undefined {
    return this.views.get(id);
  }

  /** What was answered, and has happened since the mark. */
  answered(run: LabRun, mark: number): void {
    const later = this.frames.filter(({ number, event }) => number > mark && event.run === run.id);
    const { cells, ...about } = run;
    this.put(
      run.id,
      later.reduce<LabView | undefined>((before, { event }) => changed(before, event), { run: about, rows: rowsOf(cells) }),
    );
  }

  take(event: LabEvent): void {
    this.frames.push({ number: ++this.number, event });
    if (this.frames.length > KEPT) this.frames.shift();
    if (this.views.has(event.run)) this.put(event.run, changed(this.views.get(event.run), event));
  }

  private put(id: number, view: LabView | undefined): void {
    if (view === undefined) this.views.delete(id);
    else this.views.set(id, view);
    this.notify();
  }
}

export const labRuns = new LabRuns();

/** The list of runs after an event; null where it must be read again, since it lacks the run. */
export function listed(list: ListedRun[], event: LabEvent): ListedRun[] | null {
  const { run } = event;
  if (event.type === "lab_deleted") return list.filter(({ id }) => id !== run);
  const { counts, status } = event;
  if (!list.some(({ id }) => id === run)) return null;
  return list.map((one) => (one.id === run ? { ...one, counts, status } : one));
}

function rowsOf(cells: readonly Cell[]): LabRow[] {
  const rows = new Map<string, Cell[]>();
  for (const cell of cells) {
    const key = keyOf(cell);
    const row = rows.get(key);
    if (row === undefined) rows.set(key, [cell]);
    else row.push(cell);
  }
  return [...rows.values()]
    .flatMap((row) => {
      const [first] = row;
      if (first === undefined) return [];
      const { template, model, setting } = first;
      return [{ template, model, setting, cells: row.toSorted(byTask) }];
    })
    .sort((one, other) => one.template - other.template || one.model - other.model || one.setting - other.setting);
}

function changed(view: LabView | undefined, event: LabEvent): LabView | undefined {
  if (view === undefined || event.type === "lab_deleted") return undefined;
  const { counts, status, unserved } = event;
  const news = new Map<string, Map<number, Cell>>();
  for (const cell of event.cells) {
    const key = keyOf(cell);
    news.set(key, (news.get(key) ?? new Map<number, Cell>()).set(cell.number, cell));
  }
  const rows = view.rows.map((row) => {
    const its = news.get(keyOf(row));
    return its === undefined ? row : { ...row, cells: row.cells.map((cell) => its.get(cell.number) ?? cell) };
  });
  return { run: { ...view.run, counts, status, unserved }, rows };
}

/** How many cells need nothing any more. */
export function finished({ complete, failed, stopped }: Counts): number {
  return complete + failed + stopped;
}

/**
 * What the results of a run depend on, as a text that is different after each change. How many cells have finished is not enough: a
 * page that was busy sees a run that was stopped, resumed and completed as one change.
 */
export function resultState({ status, counts }: Pick<LabRun, "status" | "counts">): string {
  return `${status} ${counts.complete} ${counts.failed} ${counts.stopped}`;
}

export function total(counts: Counts): number {
  return finished(counts) + counts.waiting + counts.running;
}

function keyOf({ template, model, setting }: Pick<LabRow, "template" | "model" | "setting">): string {
  return `${template} ${model} ${setting}`;
}

function byTask(one: Cell, other: Cell): number {
  return one.task - other.task || one.repeat - other.repeat;
}
