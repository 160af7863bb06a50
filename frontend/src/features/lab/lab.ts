/** The lab as server data: its runs, sets and results, and what changes them. */

import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useSyncExternalStore } from "react";

import { lab, type NewCase, type NewLabRun, type NewSet } from "../../api/lab";
import { labSets } from "../../api/queries";
import { refresh } from "../../api/refresh";
import { labRuns, type LabView, resultState } from "../../stores/lab";

/** How often the results of a run that goes on are asked for, at most. */
const RESULTS_MS = 3_000;

/** The event connection tells of each change: see stores/lab.ts. */
export const labRunList = queryOptions({ queryKey: ["lab", "runs"], queryFn: () => labRuns.list() });

function runOf(id: number) {
  return queryOptions({ queryKey: ["lab", "run", id], queryFn: () => labRuns.read(id).then(() => id), staleTime: 0 });
}

/** A run as it is at every moment; undefined until it has been read. */
export function useLabRun(id: number): { view: LabView | undefined; error: Error | null } {
  const { error } = useQuery(runOf(id));
  const view = useSyncExternalStore(labRuns.subscribe, () => labRuns.get(id));
  return { view, error };
}

function resultsOf(id: number) {
  return queryOptions({ queryKey: ["lab", "results", id], queryFn: () => lab.results(id), staleTime: Infinity });
}

/** The results, read again after trials have finished: not more often than every few seconds while the run goes on. */
export function useResults(id: number, view: LabView) {
  const queries = useQueryClient();
  const results = useQuery(resultsOf(id));
  const isOver = view.run.status !== "running";
  const state = resultState(view.run);
  const covered = useRef(state);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    if (covered.current === state) return;
    covered.current = state;
    const ask = (): void => {
      timer.current = undefined;
      void refresh(queries, resultsOf(id).queryKey);
    };
    if (isOver) ask();
    else timer.current ??= setTimeout(ask, RESULTS_MS);
  }, [state, isOver, id, queries]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return results;
}

export function transcriptOf(id: number, cell: number) {
  return queryOptions({ queryKey: ["lab", "cell", id, cell], queryFn: () => lab.transcript(id, cell) });
}

export function useBegin() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (run: NewLabRun) => labRuns.begin(run),
    onSuccess: () => refresh(queries, labRunList.queryKey),
  });
}

/** Stops a run or goes on with it. */
export function useRunControl(id: number) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (does: "stop" | "resume") => lab[does](id),
    onSuccess: () => refresh(queries, runOf(id).queryKey, labRunList.queryKey),
  });
}

export function useStopCell(id: number) {
  return useMutation({ mutationFn: (cell: number) => lab.stopCell(id, cell) });
}

export function useDeleteRun() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: number) => lab.remove(id),
    onSuccess: () => refresh(queries, labRunList.queryKey),
  });
}

/** Makes a set, or changes one that is there. */
export function useSaveSet(id: string | null) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (set: NewSet) => (id === null ? lab.makeSet(set) : lab.changeSet(id, set)),
    onSuccess: () => refresh(queries, labSets.queryKey),
  });
}

export function useImportSet() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (file: File) => lab.importSet(file.name, await file.text()),
    onSuccess: () => refresh(queries, labSets.queryKey),
  });
}

export function useDeleteSet() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => lab.deleteSet(id),
    onSuccess: () => refresh(queries, labSets.queryKey),
  });
}

export function useMakeCase(run: number, cell: number) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (wanted: NewCase) => lab.makeCase(run, cell, wanted),
    onSuccess: () => refresh(queries, labSets.queryKey),
  });
}
