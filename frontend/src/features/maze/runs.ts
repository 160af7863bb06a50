import { createContext, useContext } from "react";

import type { Runs } from "../../stores/live-stream";

export const RunsContext = createContext<Runs | null>(null);

/** What brings the events of runs. */
export function useRuns(): Runs {
  const runs = useContext(RunsContext);
  if (runs === null) throw new Error("no runs around");
  return runs;
}
