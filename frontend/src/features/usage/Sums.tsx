import { Link } from "wouter";

import type { Sums } from "../../api/schema";
import { DataTable } from "../../components/DataTable";
import { words } from "../../words";

export interface NamedSums extends Sums {
  name: string;
  href?: string;
}

export function SumsTable({ title, rows }: { title: string; rows: NamedSums[] }) {
  return (
    <DataTable title={title} heads={[title, ...words.usage.heads]}>
      {rows.map((row, at) => (
        <tr key={at}>
          <th scope="row">{row.href ? <Link href={row.href}>{row.name}</Link> : row.name}</th>
          <td>{words.format.number(row.generations)}</td>
          <td>{words.format.number(row.failed + row.interrupted)}</td>
          <td>{words.format.number(row.prompt_tokens)}</td>
          <td>{words.format.number(row.completion_tokens)}</td>
          <td>{row.first_token_ms === null ? "" : words.usage.seconds(row.first_token_ms / 1000)}</td>
          <td>{row.tokens_per_second === null ? "" : words.format.number(row.tokens_per_second)}</td>
        </tr>
      ))}
    </DataTable>
  );
}
