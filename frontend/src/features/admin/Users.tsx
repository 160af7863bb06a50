import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import type { ListedAccount } from "../../api/schema";
import { Confirm } from "../../components/Confirm";
import { DataTable } from "../../components/DataTable";
import { Problem } from "../../components/Problem";
import { ago, day } from "../../components/said";
import { users, useDeed } from "./admin";
import { NewUser } from "./NewUser";
import { ResetPassword } from "./ResetPassword";

type Asked = { about: "new" } | { about: "delete" | "password"; user: ListedAccount };

/** The accounts: made, made admin, given a new password, deleted. `own`: the number of who looks. */
export function Users({ own }: { own: number }) {
  const { data, error } = useQuery(users);
  const deed = useDeed();
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = (): void => setAsked(null);
  return (
    <section>
      <h2>Users</h2>
      <Problem of={error ?? deed.error} />
      <div className="buttons">
        <button type="button" onClick={() => setAsked({ about: "new" })}>
          New user
        </button>
      </div>
      <DataTable title="Users" heads={["User", "Since", "Last here", "Conversations", "Running", "Rights", "Change"]}>
        {data?.map((user) => (
          <tr key={user.id}>
            <th scope="row">{user.email === "local" ? "local (this machine’s own)" : user.email}</th>
            <td>{day(user.created_at)}</td>
            <td>{user.last_used_at === null ? "never" : ago(user.last_used_at)}</td>
            <td>{user.sessions}</td>
            <td>{user.running}</td>
            <td>{user.is_admin ? "admin" : "user"}</td>
            <td>
              {user.id !== own && user.email !== "local" && (
                <div className="buttons">
                  <button
                    type="button"
                    className="quiet"
                    onClick={() => deed.mutate({ user: user.id, changes: { is_admin: !user.is_admin } })}
                  >
                    {user.is_admin ? "Make no admin" : "Make admin"}
                  </button>
                  <button type="button" className="quiet" onClick={() => setAsked({ about: "password", user })}>
                    New password
                  </button>
                  <button type="button" className="quiet danger" onClick={() => setAsked({ about: "delete", user })}>
                    Delete
                  </button>
                </div>
              )}
            </td>
          </tr>
        ))}
      </DataTable>
      {asked?.about === "new" && <NewUser onClose={close} />}
      {asked?.about === "password" && <ResetPassword user={asked.user} onClose={close} />}
      {asked?.about === "delete" && (
        <Confirm
          title={`Delete ${asked.user.email}?`}
          text="The account and everything in it are removed for ever. Running replies are stopped."
          does="Delete for ever"
          onClose={close}
          onYes={() => {
            close();
            deed.mutate({ user: asked.user.id, delete: true });
          }}
        />
      )}
    </section>
  );
}
