import { useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";

import type { BudgetSettings, KeyAnswer } from "../../api/schema";
import { Confirm } from "../../components/Confirm";
import { Menu } from "../../components/Menu";
import { Problem } from "../../components/Problem";
import { words } from "../../words";
import { Bars } from "./Bars";
import { Limits } from "./Limits";
import { NewKey } from "./NewKey";
import { keyList, useRevoke } from "./keys";

type OpenDialog = { about: "new" } | { about: "limits" | "revoke"; key: KeyAnswer };

/** The keys of this account's programs: made, limited, revoked. */
export function Keys() {
  const all = useQuery(keyList);
  const revoke = useRevoke();
  const [dialog, setDialog] = useState<OpenDialog | null>(null);
  const create = useRef<HTMLButtonElement>(null);
  const close = (): void => setDialog(null);
  return (
    <section>
      <h2>{words.keys.title}</h2>
      <p className="muted">{words.keys.about}</p>
      <Problem of={all.error ?? revoke.error} />
      <div className="buttons">
        <button ref={create} type="button" onClick={() => setDialog({ about: "new" })}>
          {words.keys.create}
        </button>
      </div>
      <ul className="cards programs">
        {all.data?.map((key) => (
          <li key={key.id}>
            <Facts of={key} />
            <Menu
              label={words.keys.actionsOf(key.name)}
              items={[
                { label: words.keys.changeLimits, run: () => setDialog({ about: "limits", key }) },
                { label: words.keys.revoke, danger: true, run: () => setDialog({ about: "revoke", key }) },
              ]}
            />
          </li>
        ))}
      </ul>
      {dialog?.about === "new" && <NewKey onClose={close} />}
      {dialog?.about === "limits" && (
        <Limits
          title={words.keys.limitsOf(dialog.key.name)}
          hint={words.keys.limitsHint}
          of={{ key: dialog.key.id }}
          now={limitsOf(dialog.key)}
          onClose={close}
        />
      )}
      {dialog?.about === "revoke" && (
        <Confirm
          title={words.keys.revokeTitle(dialog.key.name)}
          text={words.keys.revokeText}
          does={words.keys.revoke}
          onClose={close}
          onYes={() => {
            close();
            revoke.mutate(dialog.key.id, { onSuccess: () => create.current?.focus() }); // its own button goes with it
          }}
        />
      )}
    </section>
  );
}

function Facts({ of: key }: { of: KeyAnswer }) {
  const [now] = useState(Date.now);
  const hasEnded = key.expires_at !== null && Date.parse(key.expires_at) <= now;
  return (
    <div className="program">
      <bdi>{key.name}</bdi> <code dir="ltr">{key.prefix}…</code> {hasEnded && <strong>{words.keys.expired}</strong>}
      <span className="muted">{words.keys.use(key.last_used_at, key.expires_at)}</span>
      <span className="muted">
        {words.keys.rights(
          key.scopes.map((scope) => words.keys.short[scope]),
          key.models,
        )}
      </span>
      {key.budgets.map((budget) => (
        <Bars key={budget.of} of={budget} />
      ))}
    </div>
  );
}

function limitsOf(key: KeyAnswer): BudgetSettings {
  return Object.fromEntries(key.budgets.flatMap(({ limits }) => limits.map(({ limit, allowed }) => [limit, allowed])));
}
