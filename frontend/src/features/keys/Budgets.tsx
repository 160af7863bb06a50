import { useQuery } from "@tanstack/react-query";

import { words } from "../../words";
import { Bars } from "./Bars";
import { budgets } from "./keys";

/** What this account may use, and its groups; nothing where nothing is limited. */
export function Budgets() {
  const { data } = useQuery(budgets);
  if (data === undefined || data.length === 0) return null;
  return (
    <section className="budgets">
      <h2>{words.budget.title}</h2>
      {data.map((one) => (
        <div key={`${one.of} ${one.name ?? ""}`}>
          {one.of === "group" && <h3>{words.budget.ofGroup(one.name ?? "")}</h3>}
          <Bars of={one} />
        </div>
      ))}
    </section>
  );
}
