import { useQuery } from "@tanstack/react-query";

import type { RunAnswer } from "../../api/schema";
import { DataTable } from "../../components/DataTable";
import { Problem } from "../../components/Problem";
import { words } from "../../words";
import { runs } from "./admin";

/** The replies that run or wait, without a word of what is said in them. */
export function Runs() {
  const { data, error } = useQuery(runs);
  return (
    <section>
      <h2>{words.admin.runs}</h2>
      <Problem of={error} />
      {data?.length === 0 && <p className="muted">{words.admin.noRuns}</p>}
      {data && data.length > 0 && (
        <DataTable title={words.admin.runs} heads={words.admin.runHeads}>
          {data.map((run, at) => (
            <tr key={at}>
              <th scope="row">{run.email}</th>
              <td>{run.model ?? words.admin.defaultModel}</td>
              <td>{does(run)}</td>
              <td>{words.format.number(run.characters)}</td>
              <td>{words.format.number(run.readers)}</td>
              <td>{words.format.ago(run.began_at)}</td>
            </tr>
          ))}
        </DataTable>
      )}
    </section>
  );
}

function does({ stage, position }: RunAnswer): string {
  if (stage === null) return words.admin.starting;
  return stage === "queued" && position ? words.admin.behind(position) : words.admin.stages[stage];
}
