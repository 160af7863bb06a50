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
        <DataTable
          title={words.admin.runs}
          heads={words.admin.runHeads}
          numbers={[3, 4]}
          rows={data.map((run, at) => ({
            key: at,
            cells: [
              run.email,
              run.model ?? words.admin.defaultModel,
              does(run),
              words.format.number(run.characters),
              words.format.number(run.readers),
              words.format.ago(run.began_at),
            ],
          }))}
        />
      )}
    </section>
  );
}

function does({ stage, position }: RunAnswer): string {
  if (stage === null) return words.admin.starting;
  return stage === "queued" && position ? words.admin.behind(position) : words.admin.stages[stage];
}
