import type { ReactNode } from "react";

/** A table that scrolls by itself where it is wider than the page; `children` are its rows. */
export function DataTable({ title, heads, children }: { title: string; heads: string[]; children: ReactNode }) {
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label={title}>
      <table>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
