/** What is measured of each row, and how it is written. Pure. */

import type { Baseline, LabSet, Measures } from "../../api/lab";
import { words } from "../../words";

type Kind = LabSet["kind"];
type Measured = Exclude<keyof Measures, "n" | "failed" | "opinions">;

interface Measure {
  name: Measured;
  kinds: readonly Kind[];
  write: (value: number) => string;
}

const number = (digits: number) => (value: number) => words.format.number(value, digits);
const BOTH: readonly Kind[] = ["maze", "cases"];
const MAZE: readonly Kind[] = ["maze"];

const MEASURES: readonly Measure[] = [
  { name: "passed_share", kinds: BOTH, write: (value) => words.format.percent(value) },
  { name: "steps_ratio", kinds: MAZE, write: number(2) },
  { name: "illegal_per_game", kinds: MAZE, write: number(1) },
  { name: "repaired", kinds: MAZE, write: number(0) },
  { name: "score", kinds: MAZE, write: number(0) },
  { name: "tokens", kinds: BOTH, write: number(0) },
  { name: "first_token_ms", kinds: BOTH, write: (value) => words.format.duration(value) },
  { name: "total_ms", kinds: BOTH, write: (value) => words.format.duration(value) },
];

export function measuresOf(kind: Kind): readonly Measure[] {
  return MEASURES.filter(({ kinds }) => kinds.includes(kind));
}

export function written(measure: Measure, row: Partial<Measures>): string {
  const value = row[measure.name];
  return value == null ? "" : measure.write(value);
}

export function baselineName({ name }: Baseline): string {
  return (words.lab.baselines as Readonly<Record<string, string>>)[name] ?? name;
}
