import { useState } from "react";

import type { Measures, Results, Spec } from "../../api/lab";
import { DataTable } from "../../components/DataTable";
import { Problem } from "../../components/Problem";
import type { LabView } from "../../stores/lab";
import { words } from "../../words";
import { useResults } from "./lab";
import { baselineName, measuresOf, written } from "./measures";
import { rowName } from "./names";
import { Bars, Interval } from "./Plot";
import { againstChance, verdicts } from "./verdict";

/** What came out so far: who is better if anybody is, then the figures. */
export function Outcomes({ id, view }: { id: number; view: LabView }) {
  const { data, error } = useResults(id, view);
  const { spec, status } = view.run;
  if (data === undefined) return error ? <Problem of={error} /> : <p className="muted">{words.options.loading}</p>;
  return (
    <>
      {status === "running" && <p className="muted">{words.lab.results.soFar}</p>}
      <Verdicts spec={spec} results={data} />
      <Figures spec={spec} results={data} />
      <Measured spec={spec} results={data} />
      {data.method && (
        <details>
          <summary>{words.lab.results.method}</summary>
          <p className="muted">{data.method}</p>
        </details>
      )}
    </>
  );
}

function Verdicts({ spec, results }: { spec: Spec; results: Results }) {
  const all = verdicts(spec, results);
  const chance = againstChance(spec, results);
  const range = Math.max(0.1, ...results.comparisons.flatMap(({ low, high }) => [Math.abs(low), Math.abs(high)]));
  const say = words.lab.results;
  const nameOf = (at: number): string => {
    const row = results.rows[at];
    return row === undefined ? words.common.unknown : rowName(spec, row);
  };
  return (
    <section className="verdicts" aria-label={say.verdict}>
      <h2>{say.verdict}</h2>
      {all.length === 0 && <p>{say.onlyOne}</p>}
      <ul>
        {all.map(({ comparison, isClear, sentence }) => (
          <li key={`${comparison.a} ${comparison.b}`} data-clear={isClear || undefined}>
            <p>{sentence}</p>
            {comparison.cases > 0 && (
              <Interval comparison={comparison} range={range} names={[nameOf(comparison.a), nameOf(comparison.b)]} />
            )}
          </li>
        ))}
      </ul>
      {chance && <p>{chance}</p>}
    </section>
  );
}

function Figures({ spec, results }: { spec: Spec; results: Results }) {
  const measures = measuresOf(spec.set.kind);
  const say = words.lab.results;
  const hasFailed = results.rows.some(({ failed }) => failed > 0);
  const heads = [
    say.row,
    say.trials,
    ...measures.map(({ name }) => say.heads[spec.set.kind][name]),
    ...(hasFailed ? [say.failed] : []),
  ];
  return (
    <>
      <h2>{say.table}</h2>
      <div className="figures-table">
        <DataTable
          title={say.table}
          heads={heads}
          numbers={heads.map((_head, at) => at).slice(1)}
          rows={[
            ...results.rows.map((row) => ({
              key: `${row.template} ${row.model} ${row.setting}`,
              cells: [
                rowName(spec, row),
                words.format.number(row.n),
                ...measures.map((measure) => written(measure, row)),
                ...(hasFailed ? [words.format.number(row.failed)] : []),
              ],
            })),
            ...results.baselines.map((row) => ({
              key: row.name,
              className: "baseline",
              cells: [
                <span key="">
                  {baselineName(row)} <span className="muted">{say.baseline}</span>
                </span>,
                words.format.number(row.n),
                ...measures.map((measure) => written(measure, row)),
                ...(hasFailed ? [""] : []),
              ],
            })),
          ]}
        />
      </div>
    </>
  );
}

function Measured({ spec, results }: { spec: Spec; results: Results }) {
  const measures = measuresOf(spec.set.kind);
  const [name, setName] = useState<string>("passed_share");
  const measure = measures.find((one) => one.name === name) ?? measures[0];
  if (measure === undefined) return null;
  const heads = words.lab.results.heads[spec.set.kind];
  const rows: { key: string; row: Partial<Measures>; isBaseline: boolean }[] = [
    ...results.rows.map((row) => ({ key: rowName(spec, row), row, isBaseline: false })),
    ...results.baselines.map((row) => ({ key: baselineName(row), row, isBaseline: true })),
  ];
  const bars = rows.map(({ key, row, isBaseline }) => ({
    label: key,
    value: row[measure.name] ?? null,
    text: written(measure, row),
    isBaseline,
  }));
  return (
    <section aria-label={words.lab.results.plot}>
      <header className="plot-head">
        <h2>{words.lab.results.plot}</h2>
        <select
          aria-label={words.lab.results.measure}
          value={measure.name}
          onChange={(event) => setName(event.currentTarget.value)}
        >
          {measures.map((one) => (
            <option key={one.name} value={one.name}>
              {heads[one.name]}
            </option>
          ))}
        </select>
      </header>
      <Bars bars={bars} top={measure.name === "passed_share" ? 1 : null} />
    </section>
  );
}
