/** What the results say, in sentences that claim no more than the figures do. Pure. */

import type { Comparison, Results, Spec } from "../../api/lab";
import { words } from "../../words";
import { rowName } from "./names";

/** Below so many cases nothing is called better or worse, as at the gateway. */
const FEWEST = 6;

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
  if (winner !== null) return { comparison, isClear: true, sentence: say.better(names, shares, figures) };
  const isOutside = low > 0 || high < 0;
  return { comparison, isClear: false, sentence: (isOutside ? say.tooFew : say.noDifference)(names, shares, figures) };
}

function nameOf(spec: Spec, row: Results["rows"][number] | undefined): string {
  return row === undefined ? words.common.unknown : rowName(spec, row);
}

/** What random moves solve, and the rows that are not clearly better, or clearly worse. Null where there is no such baseline, or nothing is known yet. */
export function againstChance(spec: Spec, { rows, baselines, chance }: Results): string | null {
  const share = baselines.find(({ name }) => name === "random legal moves")?.passed_share;
  if (share == null || chance.length === 0) return null;
  const names = (those: Results["chance"]): string[] =>
    those.flatMap(({ row }) => rows[row] ?? []).map((row) => rowName(spec, row));
  const worse = chance.filter(({ high, cases }) => high < 0 && cases >= FEWEST);
  const alike = chance.filter((one) => !one.better && !worse.includes(one));
  return words.lab.verdict.chance(share, { alike: names(alike), worse: names(worse), rows: chance.length });
}
