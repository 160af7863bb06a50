import type { BudgetAnswer } from "../../api/schema";
import { words } from "../../words";

/** What is left of a budget, a bar for each limit. */
export function Bars({ of }: { of: BudgetAnswer }) {
  return (
    <ul className="bars-of">
      {of.limits.map(({ limit, allowed, left, renews_at }) => (
        <li key={limit} data-empty={left === 0 || undefined}>
          <span>{words.budget.limits[limit]}</span>
          <span className="muted">
            {words.budget.left(left, allowed)}
            {renews_at !== null && left < allowed && `; ${words.budget.renews(renews_at)}`}
          </span>
          <progress
            aria-label={words.budget.limits[limit]}
            aria-valuetext={words.budget.left(left, allowed)}
            max={Math.max(1, allowed)}
            value={left}
          />
        </li>
      ))}
    </ul>
  );
}
