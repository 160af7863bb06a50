import type { BudgetSettings } from "../../api/schema";
import { words } from "../../words";
import { LIMITS } from "./keys";

/** The fields of a budget, for a form. */
export function LimitFields({ of, hint }: { of: BudgetSettings | null; hint: string }) {
  return (
    <fieldset>
      <legend>{words.keys.limits}</legend>
      <p className="muted">{hint}</p>
      <div className="limits">
        {LIMITS.map((limit) => (
          <label key={limit}>
            {words.budget.limits[limit]}
            <input name={limit} type="number" min={0} step={1} inputMode="numeric" defaultValue={of?.[limit] ?? ""} />
          </label>
        ))}
      </div>
    </fieldset>
  );
}
