/** What the results say, in sentences that claim no more than the figures do. Pure. */

import type { Comparison, Results, Spec } from "../../api/lab";
import { words } from "../../words";
import { rowName } from "./names";

export interface Verdict {
  comparison: Comparison;
  /** One row is better, outside of what chance does. */
  isClear: boolean;
  sentence: string;
}

/** What each comparison shows, those with a winner first. */
export function verdicts(spec: Spec, results: Results): Verdict[] {
  const all = results.comparisons.map((comparison) => verdict(spec, results, comparison));
  return [...all.filter(({ isClear }) => isClear), ...all.filter(({ isClear }) => !isClear)];
}

function verdict(spec: Spec, { rows }: Results, comparison: Comparison): Verdict {
  const say = words.lab.verdict;
  const [a, b] = [rows[comparison.a], rows[comparison.b]];
  if (a === undefined || b === undefined || comparison.cases === 0) {
    return { comparison, isClear: false, sentence: say.nothingInCommon(nameOf(spec, a), nameOf(spec, b)) };
  }
  const { difference, low, high, winner } = comparison;
  const wins = winner === "b" ? b : a;
  const other = winner === "b" ? a : b;
  const sign = winner === "b" ? -1 : 1;
  const bounds: [number, number] = sign === 1 ? [low, high] : [-high, -low];
  const figures = { by: sign * difference, low: bounds[0], high: bounds[1], cases: comparison.cases };
  const names: [string, string] = [nameOf(spec, wins), nameOf(spec, other)];
  const shares: [number, number] = [wins.passed_share ?? 0, other.passed_share ?? 0];
  return winner === null
    ? { comparison, isClear: false, sentence: say.noDifference(names, shares, figures) }
    : { comparison, isClear: true, sentence: say.better(names, shares, figures) };
}

function nameOf(spec: Spec, row: Results["rows"][number] | undefined): string {
  return row === undefined ? words.common.unknown : rowName(spec, row);
}

/** The rows that solve no more than random moves do. Null where there is no such baseline, or nothing is known yet. */
export function againstChance(spec: Spec, { rows, baselines }: Results): string | null {
  const chance = baselines.find(({ name }) => name === "random legal moves")?.passed_share;
  const known = rows.filter(({ n }) => n > 0);
  if (chance == null || known.length === 0) return null;
  const behind = known.filter(({ passed_share }) => (passed_share ?? 0) <= chance).map((row) => rowName(spec, row));
  return words.lab.verdict.chance(chance, behind, known.length);
}
