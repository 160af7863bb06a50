import { Link } from "wouter";

import type { Sums } from "../../api/schema";
import { DataTable } from "../../components/DataTable";
import { count } from "../../components/said";

export interface NamedSums extends Sums {
  name: string;
  href?: string;
}

const HEADS = ["Replies", "Went wrong", "Prompt tokens", "Written tokens", "First token", "Tokens/s"];

export function SumsTable({ title, rows }: { title: string; rows: NamedSums[] }) {
  return (
    <DataTable title={title} heads={[title, ...HEADS]}>
      {rows.map((row, at) => (
        <tr key={at}>
          <th scope="row">{row.href ? <Link href={row.href}>{row.name}</Link> : row.name}</th>
          <td>{count(row.generations)}</td>
          <td>{count(row.failed + row.interrupted)}</td>
          <td>{count(row.prompt_tokens)}</td>
          <td>{count(row.completion_tokens)}</td>
          <td>{row.first_token_ms === null ? "" : `${(row.first_token_ms / 1000).toFixed(1)} s`}</td>
          <td>{row.tokens_per_second === null ? "" : row.tokens_per_second.toFixed(0)}</td>
        </tr>
      ))}
    </DataTable>
  );
}
