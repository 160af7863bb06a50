/** Where the keys lead to in the matrix of trials. Pure. */

import type { Cell } from "../../api/lab";
import type { LabRow } from "../../stores/lab";

/** Where a key leads to, by the trial's number. */
export function next(rows: readonly LabRow[], from: number | null, key: string): number | null {
  const line = rows.findIndex(({ cells }) => cells.some(({ number }) => number === from));
  const row = rows[line];
  if (row === undefined) return null;
  const place = row.cells.findIndex(({ number }) => number === from);
  const to = (cells: readonly Cell[] | undefined, at: number): number | null =>
    cells?.[Math.min(at, cells.length - 1)]?.number ?? null;
  switch (key) {
    case "ArrowRight":
      return to(row.cells, place + 1);
    case "ArrowLeft":
      return to(row.cells, Math.max(0, place - 1));
    case "ArrowDown":
      return to(rows[line + 1]?.cells, place);
    case "ArrowUp":
      return to(rows[line - 1]?.cells, place);
    case "Home":
      return to(row.cells, 0);
    case "End":
      return to(row.cells, row.cells.length - 1);
    default:
      return null;
  }
}
