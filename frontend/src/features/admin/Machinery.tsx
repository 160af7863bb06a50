import { useQuery } from "@tanstack/react-query";

import { DataTable } from "../../components/DataTable";
import { Problem } from "../../components/Problem";
import { words } from "../../words";
import { liveHealth } from "./admin";

/** Engine, broker, workers and database, as they are now. */
export function Machinery() {
  const { data, error } = useQuery(liveHealth);
  if (data === undefined) return <Problem of={error} />;
  const { engine, broker, workers } = data;
  return (
    <section>
      <h2>{words.admin.system}</h2>
      <Problem of={error} />
      <dl className="facts">
        <Fact name={words.admin.gateway} state={data.ready ? "ready" : "notReady"} isGood={data.ready}>
          {words.admin.gatewayFacts(data.version, data.mode, data.registration === "open")}
        </Fact>
        {engine && (
          <Fact name={words.admin.model} state={engine.state} isGood={engine.state === "ready"}>
            {engine.detail ?? words.admin.load(engine.running, engine.waiting, engine.slots)}
          </Fact>
        )}
        {broker && (
          <Fact name={words.admin.broker} state={broker.state} isGood={broker.state === "connected"}>
            {broker.detail ?? broker.address}
          </Fact>
        )}
        {data.database && (
          <Fact name={words.admin.database} state={data.database} isGood={data.database === "ready"}>
            {""}
          </Fact>
        )}
      </dl>
      {workers?.length === 0 && <p className="muted">{words.admin.noWorkers}</p>}
      {workers && workers.length > 0 && (
        <DataTable
          title={words.admin.workers}
          heads={words.admin.workerHeads}
          rows={workers.map((worker) => ({
            key: worker.name,
            cells: [
              worker.name,
              words.admin.states[worker.state],
              words.admin.of(worker.running, worker.slots),
              words.format.list(worker.models),
              worker.streaming ? words.admin.streams : words.admin.onePiece,
              worker.version,
            ],
          }))}
        />
      )}
    </section>
  );
}

function Fact({
  name,
  state,
  isGood,
  children,
}: {
  name: string;
  state: keyof typeof words.admin.states;
  isGood: boolean;
  children: React.ReactNode;
}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <strong className={isGood ? undefined : "problem"}>{words.admin.states[state]}</strong>{" "}
        <span className="muted">{children}</span>
      </dd>
    </div>
  );
}
