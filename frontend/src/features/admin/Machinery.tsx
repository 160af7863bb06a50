import { useQuery } from "@tanstack/react-query";

import { DataTable } from "../../components/DataTable";
import { Problem } from "../../components/Problem";
import { liveHealth } from "./admin";

/** Engine, broker, workers and database, as they are now. */
export function Machinery() {
  const { data, error } = useQuery(liveHealth);
  if (data === undefined) return <Problem of={error} />;
  const { engine, broker, workers } = data;
  return (
    <section>
      <h2>Machinery</h2>
      <Problem of={error} />
      <dl className="facts">
        <Fact name="Gateway" state={data.ready ? "ready" : "not ready"} isGood={data.ready}>
          version {data.version}, mode {data.mode}, registration {data.registration}
        </Fact>
        {engine && (
          <Fact name="Model" state={engine.state} isGood={engine.state === "ready"}>
            {engine.detail ??
              `${engine.running} running, ${engine.waiting} waiting${engine.slots === null ? "" : `, ${engine.slots} ${engine.slots === 1 ? "slot" : "slots"}`}`}
          </Fact>
        )}
        {broker && (
          <Fact name="Broker" state={broker.state} isGood={broker.state === "connected"}>
            {broker.detail ?? broker.address}
          </Fact>
        )}
        {data.database && (
          <Fact name="Database" state={data.database} isGood={data.database === "ready"}>
            {""}
          </Fact>
        )}
      </dl>
      {workers?.length === 0 && <p className="muted">No worker is connected. `lam worker` beside a model makes one.</p>}
      {workers && workers.length > 0 && (
        <DataTable title="Workers" heads={["Worker", "State", "Running", "Models", "Streams", "Version"]}>
          {workers.map((worker) => (
            <tr key={worker.name}>
              <th scope="row">{worker.name}</th>
              <td>{worker.state}</td>
              <td>
                {worker.running} of {worker.slots}
              </td>
              <td>{worker.models.join(", ")}</td>
              <td>{worker.streaming ? "yes" : "in one piece"}</td>
              <td>{worker.version}</td>
            </tr>
          ))}
        </DataTable>
      )}
    </section>
  );
}

function Fact({ name, state, isGood, children }: { name: string; state: string; isGood: boolean; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <strong className={isGood ? undefined : "problem"}>{state}</strong> <span className="muted">{children}</span>
      </dd>
    </div>
  );
}
