import type { ReactNode } from "react";

interface TableRow {
  key: string | number;
  className?: string;
  cells: readonly ReactNode[];
}

interface Props {
  title: string;
  heads: readonly string[];
  /** The columns that hold figures, which stand at the end of their cells. */
  numbers?: readonly number[];
  /** The column that names the row. */
  named?: number;
  rows: readonly TableRow[];
}

/** A table that scrolls by itself where it is wider than the page; on a narrow screen each row is a card. The roles are said, because what is no longer laid out as a table is no longer read as one. */
export function DataTable({ title, heads, numbers = [], named = 0, rows }: Props) {
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label={title}>
      <table className="data" role="table">
        <thead role="rowgroup">
          <tr role="row">
            {heads.map((head, at) => (
              <th key={head} scope="col" role="columnheader" className={numbers.includes(at) ? "number" : undefined}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map(({ key, className, cells }) => (
            <tr key={key} role="row" className={className}>
              {cells.map((cell, at) =>
                at === named ? (
                  <th key={at} scope="row" role="rowheader">
                    {cell}
                  </th>
                ) : (
                  <td key={at} role="cell" className={numbers.includes(at) ? "number" : undefined} data-head={heads[at]}>
                    {cell}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
