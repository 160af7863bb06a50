/** The lab's API: sets, runs, their cells and results. Knows no store. */

import { answered, api } from "./http";
import type {
  LabBaseline,
  LabCase,
  LabCellAnswer,
  LabRunAnswer,
  LabRow,
  LabSetAnswer,
  LabSetBody,
  LabSettingBody,
  LabTemplateBody,
  NewLabRun as WholeLabRun,
  OpenedLabCell,
  RegressionCase,
} from "./schema";

export type {
  LabComparison as Comparison,
  LabCounts as Counts,
  LabExchange as Exchange,
  LabMazes as MazeTasks,
  LabResults as Results,
  LabSetBody as NewSet,
  LabSpec as Spec,
  ListedLabRun as ListedRun,
} from "./schema";

export type Case = LabCase;
export type Judge = NonNullable<LabCase["judge"]>;
export type LabSet = LabSetAnswer & { id: string };
export type Baseline = LabBaseline;

/** What has a default may be left out. */
export type Setting = Partial<LabSettingBody>;
export type PromptChoice = Partial<LabTemplateBody>;
export type NewLabRun = Partial<Omit<WholeLabRun, "templates" | "settings">> & {
  templates: PromptChoice[];
  settings?: Setting[];
};
export type NewCase = Partial<RegressionCase>;

/** Of a maze: up to `score`; of a case: `passed`, `reason`, `opinion`; of what failed: `code` and `message`. */
interface CellResult {
  solved?: boolean;
  end?: string;
  steps?: number;
  shortest?: number;
  illegal?: number;
  repaired?: number;
  score?: number;
  reason?: string | null;
  opinion?: boolean;
  prompt_tokens?: number | null;
  completion_tokens?: number | null;
  first_token_ms?: number | null;
  total_ms?: number | null;
  code?: string;
  message?: string;
}

/** One trial; `template`, `model`, `setting` and `task` are places in the spec. */
export type Cell = Omit<LabCellAnswer, "result"> & { result: CellResult | null };
export type LabRun = Omit<LabRunAnswer, "cells"> & { cells: Cell[] };
/** A trial with all that was said in it, and what its maze is replayed from. */
export type Transcript = OpenedLabCell;
/** The figures of a row; shares are from 0 to 1, and null is what was not measured. */
export type Measures = Omit<LabRow, "template" | "model" | "setting">;

const ofRun = (id: number) => ({ params: { path: { run_id: id } } });
const ofCell = (id: number, cell: number) => ({ params: { path: { run_id: id, number: cell } } });
const ofSet = (id: string) => ({ params: { path: { set_id: id } } });

export const lab = {
  sets: () => answered(api.GET("/api/lab/sets")) as Promise<LabSet[]>,
  makeSet: (body: LabSetBody) => answered(api.POST("/api/lab/sets", { body })) as Promise<LabSet>,
  changeSet: (id: string, body: LabSetBody) =>
    answered(api.PUT("/api/lab/sets/{set_id}", { ...ofSet(id), body })) as Promise<LabSet>,
  deleteSet: (id: string) => answered(api.DELETE("/api/lab/sets/{set_id}", ofSet(id))),
  importSet: (filename: string, text: string) =>
    answered(api.POST("/api/lab/sets/import", { body: { filename, text } })) as Promise<LabSet>,
  runs: () => answered(api.GET("/api/lab/runs")),
  run: (id: number) => answered(api.GET("/api/lab/runs/{run_id}", ofRun(id))) as Promise<LabRun>,
  begin: (run: NewLabRun) => answered(api.POST("/api/lab/runs", { body: run as WholeLabRun })) as Promise<LabRun>,
  remove: (id: number) => answered(api.DELETE("/api/lab/runs/{run_id}", ofRun(id))),
  stop: (id: number) => answered(api.POST("/api/lab/runs/{run_id}/stop", ofRun(id))),
  resume: (id: number) => answered(api.POST("/api/lab/runs/{run_id}/resume", ofRun(id))),
  stopCell: (id: number, cell: number) => answered(api.POST("/api/lab/runs/{run_id}/cells/{number}/stop", ofCell(id, cell))),
  transcript: (id: number, cell: number) => answered(api.GET("/api/lab/runs/{run_id}/cells/{number}", ofCell(id, cell))),
  results: (id: number) => answered(api.GET("/api/lab/runs/{run_id}/results", ofRun(id))),
  makeCase: (id: number, cell: number, wanted: NewCase) =>
    answered(
      api.POST("/api/lab/runs/{run_id}/cells/{number}/case", { ...ofCell(id, cell), body: wanted as RegressionCase }),
    ) as Promise<LabSet>,
};
