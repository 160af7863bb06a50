import { useQuery } from "@tanstack/react-query";

import { DataTable } from "../../components/DataTable";
import { Problem } from "../../components/Problem";
import { words } from "../../words";
import { configuration, useReload } from "./admin";

/** The servers of lam.toml, and reading it again; nothing where there is no such file. */
export function Servers() {
  const { data } = useQuery(configuration);
  const reload = useReload();
  if (data?.file == null) return null;
  return (
    <section>
      <h2>{words.admin.servers}</h2>
      <Problem of={reload.error} />
      <div className="buttons">
        <button type="button" disabled={reload.isPending} onClick={() => reload.mutate()}>
          {words.admin.readAgain}
        </button>
        <span className="muted" role="status">
          {reload.isSuccess ? words.admin.wasRead(data.servers.length, data.models.length) : ""}
        </span>
      </div>
      <DataTable
        title={words.admin.servers}
        heads={words.admin.serverHeads}
        rows={data.servers.map((server) => ({
          key: server.name,
          cells: [
            server.name,
            words.admin.states[server.is_avoided ? "avoided" : server.state],
            server.address,
            words.admin.of(server.busy, server.places),
            words.format.list(server.models),
          ],
        }))}
      />
    </section>
  );
}
