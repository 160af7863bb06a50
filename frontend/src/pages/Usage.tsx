import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { me } from "../api/queries";
import { Page } from "../components/Page";
import { Problem } from "../components/Problem";
import { Columns, Lines } from "../features/usage/Plot";
import { SumsTable } from "../features/usage/Sums";
import { daily, usage } from "../features/usage/usage";
import { sessionPath } from "../site";
import { words } from "../words";

const SPANS = [7, 30, 90];

/** What it all cost: per day, model and session; for an admin who asks, also per user. */
export function Usage() {
  const [days, setDays] = useState(30);
  const [everybody, setEverybody] = useState(false);
  const account = useQuery(me);
  const { data, error } = useQuery(usage(days, everybody));
  const choice = (
    <div className="buttons">
      <label className="inline">
        <span className="for-ears">{words.usage.period}</span>
        <select value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
          {SPANS.map((span) => (
            <option key={span} value={span}>
              {words.usage.days(span)}
            </option>
          ))}
        </select>
      </label>
      {account.data?.is_admin && (
        <label className="check">
          <input type="checkbox" checked={everybody} onChange={(event) => setEverybody(event.currentTarget.checked)} />
          {words.usage.everybody}
        </label>
      )}
    </div>
  );
  return (
    <Page name="usage" aside={choice}>
      <Problem of={error} />
      {data?.total.generations === 0 && <p className="muted">{words.usage.empty}</p>}
      {data && data.total.generations > 0 && (
        <>
          <p>
            {words.usage.summary(data.total.generations, data.total.completion_tokens, data.total.prompt_tokens)}
            {data.total.metered < data.total.generations && ` ${words.usage.coverage(data.total.metered, data.total.generations)}`}
          </p>
          <h2>{words.usage.perDay}</h2>
          <Columns bars={daily(data)} />
          <h2>{words.usage.perModel}</h2>
          <Lines
            bars={data.models.map(({ model, completion_tokens }) => ({
              label: model ?? words.common.unknown,
              value: completion_tokens,
            }))}
          />
          <h2>{words.usage.details}</h2>
          <SumsTable
            title={words.usage.day}
            rows={data.days.toReversed().map((row) => ({ ...row, name: words.format.day(row.day) }))}
          />
          <SumsTable
            title={words.usage.model}
            rows={data.models.map((row) => ({ ...row, name: row.model ?? words.common.unknown }))}
          />
          {data.users && <SumsTable title={words.usage.user} rows={data.users.map((row) => ({ ...row, name: row.email }))} />}
          {data.sessions.length > 0 && (
            <SumsTable
              title={words.usage.conversation}
              rows={data.sessions.map((row) => ({ ...row, name: row.title, href: sessionPath(row.session_id) }))}
            />
          )}
        </>
      )}
    </Page>
  );
}
