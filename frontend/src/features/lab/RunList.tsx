import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { DataTable } from "../../components/DataTable";
import { Problem } from "../../components/Problem";
import { labPath } from "../../site";
import { finished, total } from "../../stores/lab";
import { words } from "../../words";
import { labRunList } from "./lab";

/** All runs, the newest first. */
export function RunList() {
  const all = useQuery(labRunList);
  const runs = all.data?.filter(({ attended }) => !attended); // what was tried of a template is no run of the lab
  const say = words.lab.list;
  return (
    <>
      <Problem of={all.error} />
      {runs?.length === 0 && (
        <div className="teach">
          <p>{say.empty}</p>
          <ol>
            {say.steps.map((step) => (
              <li key={step}>{step}</li>
            ))}
          </ol>
        </div>
      )}
      {runs && runs.length > 0 && (
        <DataTable
          title={words.pages.lab}
          heads={say.heads}
          numbers={[2]}
          rows={runs.map(({ id, title, status, counts, created_at }) => ({
            key: id,
            cells: [
              <Link key="" href={labPath(id)}>
                {title}
              </Link>,
              words.lab.statuses[status],
              words.lab.share(finished(counts), total(counts)) +
                (counts.failed > 0 ? `, ${words.lab.failedCount(counts.failed)}` : ""),
              words.format.ago(created_at),
            ],
          }))}
        />
      )}
    </>
  );
}
