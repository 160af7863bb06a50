import { Link } from "wouter";

import type { Sums } from "../../api/schema";
import { DataTable } from "../../components/DataTable";
import { words } from "../../words";

export interface NamedSums extends Sums {
  name: string;
  href?: string;
}

/** One row for each of them; what most was written for is longest. */
export function SumsTable({ title, rows }: { title: string; rows: readonly NamedSums[] }) {
  const most = Math.max(1, ...rows.map((row) => row.completion_tokens));
  return (
    <DataTable
      title={title}
      heads={[title, ...words.usage.heads]}
      numbers={[1, 2, 3, 4, 5, 6]}
      rows={rows.map((row, at) => ({
        key: at,
        cells: [
          row.href ? <Link href={row.href}>{row.name}</Link> : row.name,
          words.format.number(row.generations),
          words.format.number(row.failed + row.interrupted),
          words.format.number(row.prompt_tokens),
          rows.length > 1 ? (
            <span className="with-bar">
              <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden>
                <rect width={(100 * row.completion_tokens) / most} height={1} />
              </svg>
              {words.format.number(row.completion_tokens)}
            </span>
          ) : (
            words.format.number(row.completion_tokens)
          ),
          row.first_token_ms === null ? "" : words.format.duration(row.first_token_ms),
          row.tokens_per_second === null ? "" : words.format.number(row.tokens_per_second),
        ],
      }))}
    />
  );
}
