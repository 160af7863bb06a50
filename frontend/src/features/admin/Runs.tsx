import { useQuery } from "@tanstack/react-query";

import type { RunAnswer } from "../../api/schema";
import { DataTable } from "../../components/DataTable";
import { Problem } from "../../components/Problem";
import { ago, count } from "../../components/said";
import { runs } from "./admin";

const STAGES = {
  queued: "waits",
  unreachable: "waits for the model to answer",
  loading: "waits for the model to load",
  prompt: "reads its prompt",
  thinking: "thinks",
  text: "writes",
};

/** The replies that run or wait, without a word of what is said in them. */
export function Runs() {
  const { data, error } = useQuery(runs);
  return (
    <section>
      <h2>Replies now</h2>
      <Problem of={error} />
      {data?.length === 0 && <p className="muted">Nothing runs and nobody waits.</p>}
      {data && data.length > 0 && (
        <DataTable title="Replies now" heads={["For", "Model", "What it does", "Characters", "Readers", "Since"]}>
          {data.map((run, at) => (
            <tr key={at}>
              <th scope="row">{run.email}</th>
              <td>{run.model ?? "the first"}</td>
              <td>{does(run)}</td>
              <td>{count(run.characters)}</td>
              <td>{run.readers}</td>
              <td>{ago(run.began_at)}</td>
            </tr>
          ))}
        </DataTable>
      )}
    </section>
  );
}

function does({ stage, position }: RunAnswer): string {
  if (stage === null) return "begins";
  return stage === "queued" && position ? `waits behind ${position}` : STAGES[stage];
}
