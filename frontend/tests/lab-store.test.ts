/** The lab's runs: what answers and frames make of them, whatever order they come in, and which streams are in sight. */

import { beforeEach, describe, expect, test } from "vitest";

import type { Cell, Counts, LabRun, ListedRun } from "../src/api/lab";
import { LabRuns, listed, resultState, type LabEvent } from "../src/stores/lab";
import { inSight, Panes } from "../src/stores/panes";
import type { RunReader } from "../src/stores/browser-events";

const NO_COUNTS: Counts = { waiting: 0, running: 0, complete: 0, failed: 0, stopped: 0 };

function cell(number: number, changes: Partial<Cell> = {}): Cell {
  return {
    id: 100 + number,
    number,
    template: number % 2,
    model: 0,
    setting: 0,
    task: Math.floor(number / 2),
    repeat: 0,
    status: "waiting",
    attempts: 0,
    given_up: 0,
    stream_id: null,
    passed: null,
    result: null,
    ...changes,
  };
}

function run(cells: Cell[], changes: Partial<LabRun> = {}): LabRun {
  return {
    id: 7,
    title: "Two prompts",
    status: "running",
    created_at: "2026-11-28T12:00:00Z",
    ended_at: null,
    unserved: [],
    counts: { ...NO_COUNTS, waiting: cells.length },
    spec: {} as LabRun["spec"],
    cells,
    ...changes,
  };
}

function event(cells: Cell[], changes: Partial<Extract<LabEvent, { type: "lab" }>> = {}): LabEvent {
  return { type: "lab", run: 7, status: "running", counts: NO_COUNTS, unserved: [], cells, ...changes };
}

const four = (): Cell[] => [0, 1, 2, 3].map((number) => cell(number));

/** Answers each request of a run when the test says so. */
let answer: (run: LabRun) => void;
let labs: LabRuns;

beforeEach(() => {
  const ask = (): Promise<LabRun> =>
    new Promise((resolve) => {
      answer = resolve;
    });
  labs = new LabRuns({ run: ask, begin: ask, runs: () => Promise.resolve([]) });
});

describe("a run", () => {
  test("has a row for each prompt, its trials in the order of the tasks", () => {
    labs.answered(run([cell(3), cell(0), cell(2), cell(1)]), labs.mark);
    expect(labs.get(7)?.rows.map(({ template, cells }) => [template, cells.map(({ number }) => number)])).toEqual([
      [0, [0, 2]],
      [1, [1, 3]],
    ]);
  });

  test("changes by a frame, and what did not change is the same object as before", () => {
    labs.answered(run(four()), labs.mark);
    const before = labs.get(7);
    const counts = { ...NO_COUNTS, waiting: 3, running: 1 };
    labs.take(event([cell(1, { status: "running", stream_id: "s1" })], { counts, unserved: ["big"] }));
    const after = labs.get(7);
    expect(after?.rows[1]?.cells[0]).toMatchObject({ status: "running", stream_id: "s1" });
    expect(after?.rows[1]?.cells[1]).toBe(before?.rows[1]?.cells[1]);
    expect(after?.rows[0]).toBe(before?.rows[0]);
    expect(after?.run).toMatchObject({ counts, unserved: ["big"] });
  });

  test("takes a frame that came while its answer was on its way, and not one that came before it was asked for", async () => {
    labs.take(event([cell(0, { status: "running" })]));
    const reading = labs.read(7);
    labs.take(event([cell(1, { status: "complete", passed: true })], { status: "done" }));
    answer(run(four()));
    await reading;
    expect(labs.get(7)?.rows[0]?.cells[0]?.status).toBe("waiting");
    expect(labs.get(7)?.rows[1]?.cells[0]?.status).toBe("complete");
    expect(labs.get(7)?.run.status).toBe("done");
  });

  test("that was deleted meanwhile is not brought back by its answer", async () => {
    const reading = labs.read(7);
    labs.take({ type: "lab_deleted", run: 7 });
    answer(run(four()));
    await reading;
    expect(labs.get(7)).toBeUndefined();
  });

  test("ignores frames of other runs", () => {
    labs.answered(run(four()), labs.mark);
    const before = labs.get(7);
    labs.take({ ...event([cell(0, { status: "failed" })]), run: 8 });
    expect(labs.get(7)).toBe(before);
    expect(labs.get(8)).toBeUndefined();
  });
});

describe("the list of runs", () => {
  const list = [{ id: 7, status: "running", counts: NO_COUNTS }] as ListedRun[];

  test("follows a run that is in it", () => {
    const counts = { ...NO_COUNTS, complete: 4 };
    expect(listed(list, event([], { status: "done", counts }))).toEqual([{ id: 7, status: "done", counts }]);
  });

  test("must be read again for one that is not", () => {
    expect(listed([], event([]))).toBeNull();
  });

  test("loses one that was deleted", () => {
    expect(listed(list, { type: "lab_deleted", run: 7 })).toEqual([]);
  });
});

describe("the streams in sight", () => {
  const running = (...numbers: number[]): Cell[] =>
    [0, 1, 2, 3, 4, 5, 6, 7].map((number) =>
      cell(number, numbers.includes(number) ? { status: "running", stream_id: `s${number}` } : { status: "complete" }),
    );
  const none = new Map<number, number>();

  test("are the newest that run, four at most", () => {
    expect(inSight([], none, running(1, 2, 3, 4, 5))).toEqual([5, 4, 3, 2]);
  });

  test("stay where they are while they run", () => {
    expect(inSight([1, 2], none, running(1, 2, 6))).toEqual([1, 2, 6]);
  });

  test("make way for another once they have ended, and stay until then", () => {
    expect(inSight([1, 2], none, running(2))).toEqual([1, 2]);
    expect(inSight([1, 2], none, running(2, 6))).toEqual([6, 2]);
  });

  test("hold a trial that somebody chose, also after its end", () => {
    expect(inSight([1, 2], new Map([[0, 3]]), running(1, 2, 6))).toEqual([3, 2, 6, 1]);
    expect(inSight([3, 2], new Map([[0, 3]]), running(2))).toEqual([3, 2]);
  });

  test("never show the same trial twice", () => {
    const all = inSight([1, 2, 3], new Map([[2, 1]]), running(1, 2, 3, 4));
    expect(new Set(all).size).toBe(all.length);
    expect(all[2]).toBe(1);
  });
});

describe("panes", () => {
  let followed: Map<string, RunReader>;

  beforeEach(() => {
    followed = new Map();
    labs.streams = {
      link: "open",
      follow: (id, reader) => {
        followed.set(id, reader);
        return () => followed.delete(id);
      },
    };
  });

  test("follow the trials that run, and let go of those that are no longer shown", () => {
    labs.answered(run([cell(0, { status: "running", stream_id: "a" }), cell(1)]), labs.mark);
    const panes = new Panes(labs, 7);
    const stop = panes.start();
    expect([...followed.keys()]).toEqual(["a"]);
    labs.take(event([cell(0, { status: "complete" }), cell(1, { status: "running", stream_id: "b" })]));
    expect([...followed.keys()]).toEqual(["b"]);
    stop();
    expect(followed.size).toBe(0);
    panes.start();
    expect([...followed.keys()]).toEqual(["b"]);
  });

  test("follow the new stream of a trial that made way for a person and runs again", () => {
    labs.answered(run([cell(0, { status: "running", stream_id: "a" })]), labs.mark);
    const panes = new Panes(labs, 7);
    panes.start();
    labs.take(event([cell(0, { status: "waiting", given_up: 1 })]));
    expect(panes.get().map(({ cell: number }) => number)).toEqual([0]);
    labs.take(event([cell(0, { status: "running", stream_id: "b", attempts: 2 })]));
    expect([...followed.keys()]).toEqual(["b"]);
  });

  test("keep the text of a trial that has ended", () => {
    labs.answered(run([cell(0, { status: "running", stream_id: "a" })]), labs.mark);
    const panes = new Panes(labs, 7);
    panes.start();
    followed.get("a")?.take([{ id: 1, event: { type: "chunk", content: "Paris" } }]);
    labs.take(event([cell(0, { status: "complete", passed: true })]));
    expect(panes.get()[0]?.stream?.snapshot.text).toBe("Paris");
  });
});

test("the results of a run that was stopped, resumed and completed in one change are read again", () => {
  const counts = { waiting: 0, running: 0, complete: 5, failed: 0, stopped: 7 };
  const before = resultState({ status: "stopped", counts });
  expect(resultState({ status: "done", counts: { ...counts, complete: 12, stopped: 0 } })).not.toBe(before);
  expect(resultState({ status: "stopped", counts: { ...counts } })).toBe(before);
});
