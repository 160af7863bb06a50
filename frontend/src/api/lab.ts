/** The lab's API: sets, runs, their cells and results. Knows no store. */

import type { SessionSettings } from "./schema";
import { request } from "./streams";

/** How an answer is judged. */
export type Judge =
  | { type: "contains" | "equals"; value: string; ignore_case?: boolean }
  | { type: "matches"; pattern: string }
  | { type: "json_schema"; schema: Record<string, unknown> | boolean }
  | { type: "length"; min?: number | null; max?: number | null; unit: "characters" | "words" }
  | { type: "model"; rubric: string; model?: string | null };

export interface Case {
  name: string;
  variables: Record<string, string>;
  input: string;
  judge: Judge | null;
}

export interface MazeTasks {
  size: number;
  loops: number;
  germs: number;
  fog: boolean;
  seeds: number[];
}

/** Either mazes or cases. */
export interface NewSet {
  title: string;
  maze: MazeTasks | null;
  cases: Case[] | null;
}

/** `id`: a word for a built-in one, else a number. */
export interface LabSet extends NewSet {
  id: string;
  kind: "maze" | "cases";
  builtin: boolean;
}

export type Setting = Partial<Pick<SessionSettings, "temperature" | "top_p" | "max_tokens" | "seed" | "reasoning">> & {
  title?: string | null;
};

export type Forcing = "legal" | "shape" | "none";

/** Either a stored template, with its version, or a text of its own. */
export type PromptChoice = { template_id: number; version?: number | null } | { title: string; content: string };

export interface NewLabRun {
  title?: string | null;
  set_id?: string;
  set?: NewSet;
  templates: PromptChoice[];
  models: (string | null)[];
  settings?: Setting[];
  repeats?: number;
  forcing?: Forcing;
  steps?: number;
  attended?: boolean;
}

/** What a run was begun with, the texts as they were then. */
export interface Spec {
  templates: { title: string; content: string; template_id: number | null; version: number | null }[];
  models: (string | null)[];
  /** `chosen`: by the person; `sampling`: all that is in force. */
  settings: { title: string; chosen: Setting; sampling: Setting }[];
  /** Without an id: it was given with the run. */
  set: Omit<LabSet, "id"> & { id: string | null };
  repeats: number;
  forcing: Forcing;
  steps: number;
  rules: number | null;
  attended: boolean;
}

export type CellStatus = "waiting" | "running" | "complete" | "failed" | "stopped";
export type Counts = Record<CellStatus, number>;

export interface MazeResult {
  solved: boolean;
  end: string;
  steps: number;
  shortest: number;
  illegal: number;
  repaired: number;
  hints: number;
  score: number;
}

export interface CaseResult {
  passed: boolean | null;
  reason: string | null;
  opinion: boolean;
}

export type CellResult = Partial<MazeResult> &
  Partial<CaseResult> & {
    prompt_tokens?: number | null;
    completion_tokens?: number | null;
    first_token_ms?: number | null;
    total_ms?: number | null;
    code?: string;
    message?: string;
  };

/** One trial; `template`, `model`, `setting` and `task` are places in the spec. */
export interface Cell {
  id: number;
  number: number;
  template: number;
  model: number;
  setting: number;
  task: number;
  repeat: number;
  status: CellStatus;
  attempts: number;
  given_up: number;
  stream_id: string | null;
  passed: boolean | null;
  result: CellResult | null;
}

export type RunStatus = "running" | "stopped" | "done";

interface AnyRun {
  id: number;
  title: string;
  status: RunStatus;
  created_at: string;
  ended_at: string | null;
  counts: Counts;
}

export interface ListedRun extends AnyRun {
  set_title: string;
  templates: string[];
  models: (string | null)[];
  attended: boolean;
}

/** `unserved`: models that trials wait for and that no server has at the moment. */
export interface LabRun extends AnyRun {
  spec: Spec;
  unserved: string[];
  cells: Cell[];
}

/** A request to a model and its answer. `action`, `legal`, `reading`, `say`: of a step in a maze. */
export interface Exchange {
  purpose: "answer" | "hint" | "judge";
  sent: { role: string; content: string }[];
  answer: string;
  thinking: string;
  model: string | null;
  usage: { prompt_tokens: number; completion_tokens: number } | null;
  first_token_ms: number | null;
  total_ms: number | null;
  say: string;
  action: Record<string, unknown> | null;
  legal: boolean | null;
  reading: "exact" | "repaired" | "illegal" | null;
}

/** A trial with all that was said in it, and what its maze is replayed from. */
export interface Transcript extends Cell {
  transcript: Exchange[];
  rules: number | null;
  seed: number | null;
  settings: Record<string, unknown> | null;
  actions: Record<string, unknown>[];
}

/** Shares are from 0 to 1; null where nothing was measured. */
export interface Measures {
  n: number;
  passed_share: number | null;
  steps_ratio: number | null;
  illegal_per_game: number | null;
  repaired: number | null;
  tokens: number | null;
  first_token_ms: number | null;
  total_ms: number | null;
  score: number | null;
  opinions: number;
  failed: number;
}

export interface ResultRow extends Measures {
  template: number;
  model: number;
  setting: number;
}

export interface Baseline extends Partial<Measures> {
  name: string;
}

/** `a` and `b` are rows; `difference` is a minus b, between `low` and `high`. */
export interface Comparison {
  a: number;
  b: number;
  difference: number;
  low: number;
  high: number;
  cases: number;
  winner: "a" | "b" | null;
}

export interface Results {
  rows: ResultRow[];
  baselines: Baseline[];
  comparisons: Comparison[];
  method: string;
}

export interface NewCase {
  set_id?: string;
  name?: string;
  judge?: Judge | null;
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const response = await request(`/api/lab${path}`, { method, ...init });
  return (response.status === 204 ? null : await response.json()) as T;
}

export const lab = {
  sets: () => call<LabSet[]>("GET", "/sets"),
  makeSet: (set: NewSet) => call<LabSet>("POST", "/sets", set),
  changeSet: (id: string, set: NewSet) => call<LabSet>("PUT", `/sets/${id}`, set),
  deleteSet: (id: string) => call<null>("DELETE", `/sets/${id}`),
  importSet: (filename: string, text: string) => call<LabSet>("POST", "/sets/import", { filename, text }),
  runs: () => call<ListedRun[]>("GET", "/runs"),
  run: (id: number) => call<LabRun>("GET", `/runs/${id}`),
  begin: (run: NewLabRun) => call<LabRun>("POST", "/runs", run),
  remove: (id: number) => call<null>("DELETE", `/runs/${id}`),
  stop: (id: number) => call<LabRun>("POST", `/runs/${id}/stop`),
  resume: (id: number) => call<LabRun>("POST", `/runs/${id}/resume`),
  stopCell: (id: number, cell: number) => call<unknown>("POST", `/runs/${id}/cells/${cell}/stop`),
  transcript: (id: number, cell: number) => call<Transcript>("GET", `/runs/${id}/cells/${cell}`),
  results: (id: number) => call<Results>("GET", `/runs/${id}/results`),
  makeCase: (id: number, cell: number, wanted: NewCase) => call<LabSet>("POST", `/runs/${id}/cells/${cell}/case`, wanted),
};
