/**
 * The lab's runs in this tab: answers and frames in, rows of cells out. A frame that comes while an answer is on its way is applied to
 * that answer too, which may be older. Knows no React, and no cache of lists.
 */

import { lab, type Cell, type Counts, type LabRun, type ListedRun, type NewLabRun } from "../api/lab";
import type { Runs } from "./live-stream";
import { Subscribable } from "./subscribable";

/** What the event connection tells of a run: how many cells there are in each state, and those that changed. */
export interface LabEvent {
  type: "lab";
  run: number;
  counts: Counts;
  cells: Cell[];
  status?: ListedRun["status"];
}

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

  /** To be taken when something is asked for. */
  get mark(): number {
    return this.number;
  }

  /** Asks for a run. Throws ApiError. */
  async read(id: number): Promise<void> {
    const { mark } = this;
    this.answered(await lab.run(id), mark);
  }

  /** Begins one, and gives its number. Throws ApiError. */
  async begin(run: NewLabRun): Promise<number> {
    const { mark } = this;
    const begun = await lab.begin(run);
    this.answered(begun, mark);
    return begun.id;
  }

  /** All of them. Throws ApiError. */
  async list(): Promise<ListedRun[]> {
    const { mark } = this;
    const all = await lab.runs();
    return this.frames.filter(({ number }) => number > mark).reduce((list, { event }) => listed(list, event), all);
  }

  get(id: number): LabView | undefined {
    return this.views.get(id);
  }

  /** What was answered, and has happened since the mark. */
  answered(run: LabRun, mark: number): void {
    const later = this.frames.filter(({ number, event }) => number > mark && event.run === run.id);
    const { cells, ...about } = run;
    const view = later.reduce<LabView>((before, { event }) => changed(before, event), { run: about, rows: rowsOf(cells) });
    this.views.set(run.id, view);
    this.notify();
  }

  take(event: LabEvent): void {
    this.frames.push({ number: ++this.number, event });
    if (this.frames.length > KEPT) this.frames.shift();
    const before = this.views.get(event.run);
    if (before === undefined) return;
    this.views.set(event.run, changed(before, event));
    this.notify();
  }

  forget(id: number): void {
    this.views.delete(id);
    this.notify();
  }
}

export const labRuns = new LabRuns();

/** The list of runs after an event; the same list if no run in it changed. */
export function listed(list: ListedRun[], { run, counts, status }: LabEvent): ListedRun[] {
  if (!list.some(({ id }) => id === run)) return list;
  return list.map((one) => (one.id === run ? { ...one, counts, status: status ?? statusOf(one.status, counts) } : one));
}

/** What a run's status is once its cells are in these states. */
export function statusOf(before: ListedRun["status"], { waiting, running, stopped }: Counts): ListedRun["status"] {
  if (waiting + running > 0) return before === "stopped" && running > 0 ? "stopped" : "running";
  return stopped > 0 ? "stopped" : "done";
}

export function rowsOf(cells: readonly Cell[]): LabRow[] {
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

export function changed(view: LabView, { counts, cells, status }: LabEvent): LabView {
  const news = new Map<string, Map<number, Cell>>();
  for (const cell of cells) {
    const key = keyOf(cell);
    news.set(key, (news.get(key) ?? new Map<number, Cell>()).set(cell.number, cell));
  }
  const rows = view.rows.map((row) => {
    const its = news.get(keyOf(row));
    return its === undefined ? row : { ...row, cells: row.cells.map((cell) => its.get(cell.number) ?? cell) };
  });
  return { run: { ...view.run, counts, status: status ?? statusOf(view.run.status, counts) }, rows };
}

/** How many cells need nothing any more. */
export function finished({ complete, failed, stopped }: Counts): number {
  return complete + failed + stopped;
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
