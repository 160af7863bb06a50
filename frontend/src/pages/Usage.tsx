import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import type { UsageAnswer } from "../api/schema";
import { Page } from "../components/Page";
import { Problem } from "../components/Problem";
import { Tabs } from "../components/Tabs";
import { Budgets } from "../features/keys/Budgets";
import { Choices } from "../features/usage/Choices";
import { Plot } from "../features/usage/Plot";
import { SumsTable, type NamedSums } from "../features/usage/Sums";
import { daily, usage, type Filters } from "../features/usage/usage";
import { sessionPath } from "../site";
import { words } from "../words";

/** What it all cost: in sum, by day, and by model, session, key, day or, for an admin who asks, user. */
export function Usage() {
  const [filters, setFilters] = useState<Filters>({ days: 30, whose: "me", model: null, key: null });
  const { data, error } = useQuery(usage(filters));
  return (
    <Page name="usage" aside={<Choices filters={filters} onChange={setFilters} />}>
      <Budgets />
      <Problem of={error} />
      {data?.total.generations === 0 && <p className="muted">{words.usage.empty}</p>}
      {data && data.total.generations > 0 && (
        <>
          <Totals total={data.total} />
          <Days data={data} />
          <Tables data={data} />
        </>
      )}
    </Page>
  );
}

function Totals({ total }: { total: UsageAnswer["total"] }) {
  const { number, duration } = words.format;
  const say = words.usage;
  const [replies, failed, read, written, first, rate] = say.heads;
  const figures: [string | undefined, string][] = [
    [replies, number(total.generations)],
    [written, number(total.completion_tokens)],
    [read, number(total.prompt_tokens)],
    ...(total.first_token_ms === null ? [] : [[first, duration(total.first_token_ms)] as [string | undefined, string]]),
    ...(total.tokens_per_second === null ? [] : [[rate, number(total.tokens_per_second)] as [string | undefined, string]]),
    ...(total.failed + total.interrupted === 0
      ? []
      : [[failed, number(total.failed + total.interrupted)] as [string | undefined, string]]),
  ];
  return (
    <>
      <dl className="totals">
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt className="muted">{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {total.metered < total.generations && <p className="muted">{say.coverage(total.metered, total.generations)}</p>}
    </>
  );
}

/** The same days three times over; a single day needs no plot. */
function Days({ data }: { data: UsageAnswer }) {
  const { number } = words.format;
  const say = words.usage;
  const only = data.days.length === 1 ? data.days[0] : undefined;
  if (only !== undefined) return <p className="muted">{say.oneDay(words.format.day(only.day))}</p>;
  return (
    <div className="plots">
      <Plot title={say.plots.tokens} points={daily(data, (day) => day.completion_tokens)} write={number} />
      <Plot title={say.plots.replies} points={daily(data, (day) => day.generations)} write={number} />
      <Plot title={say.plots.rate} points={daily(data, (day) => day.tokens_per_second)} write={number} />
    </div>
  );
}

const VIEWS = ["model", "conversation", "key", "day", "user"] as const;
type View = (typeof VIEWS)[number];

function Tables({ data }: { data: UsageAnswer }) {
  const [view, setView] = useState<View>("model");
  const rows: Record<View, NamedSums[] | null> = {
    model: data.models.map((row) => ({ ...row, name: row.model ?? words.common.unknown })),
    conversation:
      data.sessions.length === 0
        ? null
        : data.sessions.map((row) => ({ ...row, name: row.title, href: sessionPath(row.session_id) })),
    key: data.keys.length === 0 ? null : data.keys.map((row) => ({ ...row, name: words.usage.keyName(row.name, row.prefix) })),
    day: data.days.toReversed().map((row) => ({ ...row, name: words.format.day(row.day) })),
    user: data.users?.map((row) => ({ ...row, name: row.email })) ?? null,
  };
  const views = VIEWS.filter((name) => rows[name] !== null);
  const shown = rows[view] === null ? "model" : view;
  return (
    <>
      <h2>{words.usage.details}</h2>
      <Tabs label={words.usage.details} titles={words.usage.views} order={views} chosen={shown} onChoose={setView}>
        <SumsTable title={words.usage[shown]} rows={rows[shown] ?? []} />
      </Tabs>
    </>
  );
}
