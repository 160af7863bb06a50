/** How a trial stands, as one mark and one sentence. Pure. */

import type { Cell, Spec } from "../../api/lab";
import { words } from "../../words";
import { rowName, taskName } from "./names";

export type Mark = "waiting" | "running" | "passed" | "missed" | "ended" | "failed" | "stopped";

/** `ended`: complete, with nothing that could be passed. */
export function markOf({ status, passed }: Pick<Cell, "status" | "passed">): Mark {
  if (status !== "complete") return status;
  return passed === null ? "ended" : passed ? "passed" : "missed";
}

/** What is read aloud, and stands beside the matrix: which trial it is, and how it went. */
export function sentenceOf(spec: Spec, cell: Cell): string {
  return words.lab.trial(trialName(spec, cell), outcomeOf(spec, cell));
}

export function trialName(spec: Spec, cell: Cell): string {
  const name = [rowName(spec, cell), taskName(spec, cell.task)];
  if (spec.repeats > 1) name.push(words.lab.repeat(cell.repeat + 1));
  return name.join(", ");
}

export function outcomeOf(spec: Spec, cell: Cell): string {
  const { result } = cell;
  const mark = markOf(cell);
  if (mark === "failed") return result?.message ?? words.lab.marks.failed;
  if (spec.set.kind === "maze" && cell.status === "complete" && result?.steps !== undefined) {
    return result.solved === true
      ? words.lab.solvedIn(result.steps, result.shortest ?? null)
      : words.lab.notSolved(result.end ?? "", result.steps);
  }
  if (result?.reason) return words.lab.judged(words.lab.marks[mark], result.reason, result.opinion === true);
  return words.lab.marks[mark];
}
