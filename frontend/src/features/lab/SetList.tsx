import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { labSets } from "../../api/queries";
import { Problem } from "../../components/Problem";
import { labPath } from "../../site";
import { words } from "../../words";
import { taskCount } from "./form";

/** The sets of tasks, one's own first. */
export function SetList({ chosen }: { chosen: string | null }) {
  const all = useQuery(labSets);
  const say = words.lab.sets;
  return (
    <nav aria-label={say.title} className="list">
      <Problem of={all.error} />
      {[false, true].map((builtin) => {
        const sets = all.data?.filter((set) => set.builtin === builtin) ?? [];
        return (
          <section key={String(builtin)} aria-label={builtin ? say.builtin : say.own}>
            <h2>{builtin ? say.builtin : say.own}</h2>
            {all.data && sets.length === 0 && !builtin && <p className="muted">{say.empty}</p>}
            <ul>
              {sets.map((set) => (
                <li key={set.id}>
                  <Link href={labPath("sets", { set: set.id })} aria-current={chosen === set.id ? "page" : undefined}>
                    <span className="title">{set.title}</span>
                    <span className="muted">{say.about(set, taskCount(set))}</span>
                  </Link>
                </li>
              ))}
            </ul>
          </section>
        );
      })}
    </nav>
  );
}
