import type { SubmitEvent } from "react";

import type { BudgetSettings } from "../../api/schema";
import { Dialog } from "../../components/Dialog";
import { Problem } from "../../components/Problem";
import { words } from "../../words";
import { LimitFields } from "./LimitFields";
import { limitsIn, useLimits, type Limited } from "./keys";

/** Changes a budget. `now`: as it is; `usual`: the server's own can be put back. */
export function Limits({
  title,
  hint,
  of,
  now,
  usual = false,
  onClose,
}: {
  title: string;
  hint: string;
  of: Limited;
  now: BudgetSettings | null;
  usual?: boolean;
  onClose: () => void;
}) {
  const change = useLimits(of);
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    change.mutate(limitsIn(new FormData(event.currentTarget)), { onSuccess: onClose });
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form className="fields" onSubmit={submit}>
        <LimitFields of={now} hint={hint} />
        <Problem of={change.error} />
        <footer className="buttons">
          {usual && now !== null && (
            <button type="button" disabled={change.isPending} onClick={() => change.mutate(null, { onSuccess: onClose })}>
              {words.budget.usual}
            </button>
          )}
          <button type="submit" className="primary" disabled={change.isPending}>
            {words.keys.save}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
