import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { me, users } from "../../api/queries";
import { words } from "../../words";
import { tableOf, usage, type Filters } from "./usage";

const SPANS = [7, 30, 90];

/** Of which days, whom, model and key the usage is shown. */
export function Choices({ filters, onChange }: { filters: Filters; onChange: (filters: Filters) => void }) {
  const account = useQuery(me);
  const { data } = useQuery(usage({ ...filters, model: null, key: null })); // what there is to choose from
  const models = data?.models.flatMap(({ model }) => model ?? []) ?? [];
  const keys = data?.keys ?? [];
  return (
    <div className="buttons">
      <Choice label={words.usage.period} value={filters.days} onChange={(value) => onChange({ ...filters, days: Number(value) })}>
        {SPANS.map((span) => (
          <option key={span} value={span}>
            {words.usage.days(span)}
          </option>
        ))}
      </Choice>
      {account.data?.is_admin && (
        <Whose
          filters={filters}
          own={account.data.id}
          onChange={(whose) => onChange({ ...filters, whose, model: null, key: null })}
        />
      )}
      {(models.length > 1 || filters.model !== null) && (
        <Choice
          label={words.usage.model}
          value={filters.model ?? ""}
          onChange={(value) => onChange({ ...filters, model: value === "" ? null : value })}
        >
          <option value="">{words.usage.allModels}</option>
          {[...new Set([...models, ...(filters.model === null ? [] : [filters.model])])].map((model) => (
            <option key={model}>{model}</option>
          ))}
        </Choice>
      )}
      {(keys.length > 0 || filters.key !== null) && (
        <Choice
          label={words.usage.key}
          value={filters.key ?? ""}
          onChange={(value) => onChange({ ...filters, key: value === "" ? null : Number(value) })}
        >
          <option value="">{words.usage.allKeys}</option>
          <option value={0}>{words.usage.noKey}</option>
          {keys.map(({ key_id, name, prefix }) => (
            <option key={key_id} value={key_id}>
              {words.usage.keyName(name, prefix)}
            </option>
          ))}
        </Choice>
      )}
      <a className="button" href={tableOf(filters)} download>
        {words.usage.download}
      </a>
    </div>
  );
}

function Whose({ filters, own, onChange }: { filters: Filters; own: number; onChange: (whose: Filters["whose"]) => void }) {
  const { data } = useQuery(users);
  const others = data?.filter((user) => user.id !== own) ?? [];
  return (
    <Choice
      label={words.usage.user}
      value={filters.whose}
      onChange={(value) => onChange(value === "me" || value === "all" ? value : Number(value))}
    >
      <option value="me">{words.usage.mine}</option>
      <option value="all">{words.usage.allUsers}</option>
      {others.map((user) => (
        <option key={user.id} value={user.id}>
          {user.email === "local" ? words.admin.local : user.email}
        </option>
      ))}
    </Choice>
  );
}

interface ChoiceProps {
  label: string;
  value: string | number;
  onChange: (value: string) => void;
  children: ReactNode;
}

function Choice({ label, value, onChange, children }: ChoiceProps) {
  return (
    <label className="inline">
      <span className="for-ears">{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {children}
      </select>
    </label>
  );
}
