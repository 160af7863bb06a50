import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import type { ListedAccount } from "../../api/schema";
import { Confirm } from "../../components/Confirm";
import { DataTable } from "../../components/DataTable";
import { Problem } from "../../components/Problem";
import { words } from "../../words";
import { users, useDeed } from "./admin";
import { NewUser } from "./NewUser";
import { ResetPassword } from "./ResetPassword";

type OpenDialog = { about: "new" } | { about: "delete" | "password"; user: ListedAccount };

/** The accounts: made, made admin, given a new password, deleted. `own`: the number of who looks. */
export function Users({ own }: { own: number }) {
  const { data, error } = useQuery(users);
  const deed = useDeed();
  const [dialog, setDialog] = useState<OpenDialog | null>(null);
  const close = (): void => setDialog(null);
  return (
    <section>
      <h2>{words.admin.users}</h2>
      <Problem of={error ?? deed.error} />
      <div className="buttons">
        <button type="button" onClick={() => setDialog({ about: "new" })}>
          {words.admin.newUser}
        </button>
      </div>
      <DataTable title={words.admin.users} heads={words.admin.userHeads}>
        {data?.map((user) => (
          <tr key={user.id}>
            <th scope="row">{user.email === "local" ? words.admin.local : user.email}</th>
            <td>{words.format.date(user.created_at)}</td>
            <td>{user.last_used_at === null ? words.admin.never : words.format.ago(user.last_used_at)}</td>
            <td>{words.format.number(user.sessions)}</td>
            <td>{words.format.number(user.running)}</td>
            <td>{user.is_admin ? words.admin.isAdmin : words.admin.isUser}</td>
            <td>
              {user.id !== own && user.email !== "local" && (
                <div className="buttons">
                  <button
                    type="button"
                    className="quiet"
                    onClick={() => deed.mutate({ user: user.id, changes: { is_admin: !user.is_admin } })}
                  >
                    {user.is_admin ? words.admin.removeAdmin : words.admin.makeAdmin}
                  </button>
                  <button type="button" className="quiet" onClick={() => setDialog({ about: "password", user })}>
                    {words.admin.resetPassword}
                  </button>
                  <button type="button" className="quiet danger" onClick={() => setDialog({ about: "delete", user })}>
                    {words.common.delete}
                  </button>
                </div>
              )}
            </td>
          </tr>
        ))}
      </DataTable>
      {dialog?.about === "new" && <NewUser onClose={close} />}
      {dialog?.about === "password" && <ResetPassword user={dialog.user} onClose={close} />}
      {dialog?.about === "delete" && (
        <Confirm
          title={words.admin.deleteTitle(dialog.user.email)}
          text={words.admin.deleteText}
          does={words.settings.deleteForGood}
          onClose={close}
          onYes={() => {
            close();
            deed.mutate({ user: dialog.user.id, delete: true });
          }}
        />
      )}
    </section>
  );
}
