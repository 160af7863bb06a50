import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { me } from "../api/queries";
import { Page } from "../components/Page";
import { Problem } from "../components/Problem";
import { count } from "../components/said";
import { Columns, Lines } from "../features/usage/Plot";
import { SumsTable } from "../features/usage/Sums";
import { daily, usage } from "../features/usage/usage";

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
        <span className="for-ears">How far back</span>
        <select value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
          {SPANS.map((span) => (
            <option key={span} value={span}>
              {span} days
            </option>
          ))}
        </select>
      </label>
      {account.data?.is_admin && (
        <label className="check">
          <input type="checkbox" checked={everybody} onChange={(event) => setEverybody(event.currentTarget.checked)} />
          Everybody’s
        </label>
      )}
    </div>
  );
  return (
    <Page title="Usage" aside={choice}>
      <Problem of={error} />
      {data?.total.generations === 0 && (
        <p className="muted">Nothing was asked in these days. Each reply is counted here, with its tokens and its speed.</p>
      )}
      {data && data.total.generations > 0 && (
        <>
          <p>
            {count(data.total.generations)} replies and titles, {count(data.total.completion_tokens)} tokens written,{" "}
            {count(data.total.prompt_tokens)} read. Of {count(data.total.metered)} the model’s server told the tokens; of those that
            were stopped it does not.
          </p>
          <h2>Per day</h2>
          <Columns bars={daily(data)} unit="tokens" />
          <h2>Per model</h2>
          <Lines
            bars={data.models.map(({ model, completion_tokens }) => ({ label: model ?? "Unknown", value: completion_tokens }))}
            unit="tokens"
          />
          <h2>In figures</h2>
          <SumsTable title="Day" rows={data.days.toReversed().map((row) => ({ ...row, name: row.day }))} />
          <SumsTable title="Model" rows={data.models.map((row) => ({ ...row, name: row.model ?? "Unknown" }))} />
          {data.users && <SumsTable title="User" rows={data.users.map((row) => ({ ...row, name: row.email }))} />}
          {data.sessions.length > 0 && (
            <SumsTable
              title="Conversation"
              rows={data.sessions.map((row) => ({ ...row, name: row.title, href: `/c/${row.session_id}` }))}
            />
          )}
        </>
      )}
    </Page>
  );
}
