/** A set of tasks as somebody writes it, and the request that it makes. Pure. */

import type { Case, Judge, LabSet, MazeTasks, NewSet } from "../../api/lab";
import { words } from "../../words";
import { newKey, whole } from "./form";

export const JUDGES = ["none", "contains", "equals", "matches", "json_schema", "length", "model"] as const;
export type JudgeKind = (typeof JUDGES)[number];

/** All fields that a judge may have, as they are typed; those of other types are kept while somebody looks at them. */
export interface JudgeDraft {
  type: JudgeKind;
  value: string;
  ignoreCase: boolean;
  pattern: string;
  schema: string;
  min: string;
  max: string;
  unit: "characters" | "words";
  rubric: string;
  model: string;
}

export interface CaseDraft {
  key: number;
  name: string;
  variables: { key: number; name: string; value: string }[];
  input: string;
  judge: JudgeDraft;
}

export interface SetDraft {
  title: string;
  kind: LabSet["kind"];
  size: string;
  loops: string;
  germs: string;
  fog: boolean;
  seeds: string;
  cases: readonly CaseDraft[];
}

type Read<T> = { value: T } | { problem: string };

const NO_JUDGE: JudgeDraft = {
  type: "none",
  value: "",
  ignoreCase: true,
  pattern: "",
  schema: "",
  min: "",
  max: "",
  unit: "words",
  rubric: "",
  model: "",
};

export function judgeDraft(judge: Judge | null): JudgeDraft {
  if (judge === null) return NO_JUDGE;
  switch (judge.type) {
    case "contains":
    case "equals":
      return { ...NO_JUDGE, type: judge.type, value: judge.value, ignoreCase: judge.ignore_case };
    case "matches":
      return { ...NO_JUDGE, type: judge.type, pattern: judge.pattern };
    case "json_schema":
      return { ...NO_JUDGE, type: judge.type, schema: JSON.stringify(judge.schema, null, 2) };
    case "length": {
      const [min, max] = [judge.min?.toString() ?? "", judge.max?.toString() ?? ""];
      return { ...NO_JUDGE, type: judge.type, min, max, unit: judge.unit };
    }
    case "model":
      return { ...NO_JUDGE, type: judge.type, rubric: judge.rubric, model: judge.model ?? "" };
  }
}

/** The judge, or in one sentence what it lacks. */
export function readJudge(draft: JudgeDraft): Read<Judge | null> {
  const say = words.lab.judges.problems;
  switch (draft.type) {
    case "none":
      return { value: null };
    case "contains":
      if (draft.value === "") return { problem: say.noValue };
      return { value: { type: draft.type, value: draft.value, ignore_case: draft.ignoreCase } };
    case "equals":
      return { value: { type: draft.type, value: draft.value, ignore_case: draft.ignoreCase } };
    case "matches":
      return draft.pattern === "" ? { problem: say.noPattern } : { value: { type: draft.type, pattern: draft.pattern } };
    case "json_schema": {
      const schema = schemaIn(draft.schema);
      return schema === null ? { problem: say.notSchema } : { value: { type: draft.type, schema } };
    }
    case "length":
      return readLength(draft);
    case "model":
      if (draft.rubric.trim() === "") return { problem: say.noRubric };
      return { value: { type: draft.type, rubric: draft.rubric, ...(draft.model !== "" && { model: draft.model }) } };
  }
}

function readLength({ min, max, unit }: JudgeDraft): Read<Judge> {
  const say = words.lab.judges.problems;
  const [least, most] = [whole(min, 0, 999_999_999), whole(max, 0, 999_999_999)];
  if ((min.trim() !== "" && least === null) || (max.trim() !== "" && most === null)) return { problem: say.notLength };
  if (least === null && most === null) return { problem: say.noLength };
  if (least !== null && most !== null && least > most) return { problem: say.noSuchLength };
  return { value: { type: "length", unit, ...(least !== null && { min: least }), ...(most !== null && { max: most }) } };
}

export function caseDraft(one: Case | null = null): CaseDraft {
  return {
    key: newKey(),
    name: one?.name ?? "",
    variables: Object.entries(one?.variables ?? {}).map(([name, value]) => ({ key: newKey(), name, value })),
    input: one?.input ?? "",
    judge: judgeDraft(one?.judge ?? null),
  };
}

export function setDraft(set: LabSet | null): SetDraft {
  const { size = 9, loops = 10, germs = 2, fog = false, seeds = [] } = set?.maze ?? {};
  return {
    title: set?.title ?? "",
    kind: set?.kind ?? "cases",
    size: String(size),
    loops: String(loops),
    germs: String(germs),
    fog,
    seeds: seeds.join(" "),
    cases: set?.cases?.map(caseDraft) ?? [caseDraft()],
  };
}

/** The set, or what it lacks and which case lacks it. */
export function readSet(draft: SetDraft): Read<NewSet> {
  const title = draft.title.trim();
  if (title === "") return { problem: words.lab.sets.problems.noTitle };
  if (draft.kind === "maze") {
    const maze = readMaze(draft);
    return "problem" in maze ? maze : { value: { title, maze: maze.value, cases: null } };
  }
  if (draft.cases.length === 0) return { problem: words.lab.sets.problems.noCase };
  const cases: Case[] = [];
  for (const [at, one] of draft.cases.entries()) {
    const read = readCase(one, at);
    if ("problem" in read) return { problem: words.lab.sets.problems.inCase(at + 1, read.problem) };
    cases.push(read.value);
  }
  return { value: { title, maze: null, cases } };
}

function readCase({ name, variables, input, judge }: CaseDraft, at: number): Read<Case> {
  const read = readJudge(judge);
  if ("problem" in read) return read;
  const named = variables.filter((one) => one.name.trim() !== "" || one.value !== "");
  if (named.some((one) => one.name.trim() === "")) return { problem: words.lab.sets.problems.noVariable };
  const names = named.map((one) => one.name.trim());
  const twice = names.find((one, place) => names.indexOf(one) !== place);
  if (twice !== undefined) return { problem: words.lab.sets.problems.twice(twice) };
  const values = Object.fromEntries(named.map((one) => [one.name.trim(), one.value]));
  return { value: { name: name.trim() || words.lab.task(at + 1), variables: values, input, judge: read.value } };
}

function readMaze({ size, loops, germs, fog, seeds }: SetDraft): Read<MazeTasks> {
  const say = words.lab.sets.problems;
  const edge = whole(size, 5, 33);
  if (edge === null || edge % 2 === 0) return { problem: say.size };
  const [open, walkers] = [whole(loops, 0, 100), whole(germs, 0, 12)];
  if (open === null) return { problem: say.loops };
  if (walkers === null) return { problem: say.germs };
  const numbers = seeds.split(/[\s,;]+/).filter(Boolean);
  if (numbers.length === 0) return { problem: say.noSeed };
  const wrong = numbers.find((text) => !/^\d{1,10}$/.test(text) || Number(text) >= 2 ** 32);
  if (wrong !== undefined) return { problem: say.seed(wrong) };
  const all = numbers.map(Number);
  const twice = all.find((one, at) => all.indexOf(one) !== at);
  if (twice !== undefined) return { problem: say.seedTwice(twice) };
  return { value: { size: edge, loops: open, germs: walkers, fog, seeds: all } };
}

function schemaIn(text: string): Record<string, unknown> | boolean | null {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === "boolean") return value;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
