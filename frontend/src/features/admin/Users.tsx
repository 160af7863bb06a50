import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { users } from "../../api/queries";
import type { ListedAccount } from "../../api/schema";
import { Confirm } from "../../components/Confirm";
import { DataTable } from "../../components/DataTable";
import { Menu, type MenuItem } from "../../components/Menu";
import { Problem } from "../../components/Problem";
import { words } from "../../words";
import { useDeed } from "./admin";
import { NewUser } from "./NewUser";
import { ResetPassword } from "./ResetPassword";

type OpenDialog = { about: "new" } | { about: "delete" | "password"; user: ListedAccount };

/** The accounts: made, made admin, given a new password, deleted. `own`: the number of who looks. `onBudget`: somebody's is to be changed. */
export function Users({ own, onBudget }: { own: number; onBudget: (user: ListedAccount) => void }) {
  const { data, error } = useQuery(users);
  const deed = useDeed();
  const [dialog, setDialog] = useState<OpenDialog | null>(null);
  const close = (): void => setDialog(null);
  const deedsOf = (user: ListedAccount): MenuItem[] => [
    {
      label: user.is_admin ? words.admin.removeAdmin : words.admin.makeAdmin,
      run: () => deed.mutate({ user: user.id, changes: { is_admin: !user.is_admin } }),
    },
    { label: words.admin.resetPassword, run: () => setDialog({ about: "password", user }) },
    { label: words.common.delete, danger: true, run: () => setDialog({ about: "delete", user }) },
  ];
  return (
    <section>
      <h2>{words.admin.users}</h2>
      <Problem of={error ?? deed.error} />
      <div className="buttons">
        <button type="button" onClick={() => setDialog({ about: "new" })}>
          {words.admin.newUser}
        </button>
      </div>
      <DataTable
        title={words.admin.users}
        heads={words.admin.userHeads}
        numbers={[3, 4]}
        rows={(data ?? []).map((user) => ({
          key: user.id,
          cells: [
            user.email === "local" ? words.admin.local : user.email,
            words.format.date(user.created_at),
            user.last_used_at === null ? words.admin.never : words.format.ago(user.last_used_at),
            words.format.number(user.sessions),
            words.format.number(user.running),
            user.is_admin ? words.admin.isAdmin : words.admin.isUser,
            <Menu
              key=""
              label={words.admin.actionsOf(user.email === "local" ? words.admin.local : user.email)}
              items={[
                { label: words.budget.set, run: () => onBudget(user) },
                ...(user.id === own || user.email === "local" ? [] : deedsOf(user)),
              ]}
            />,
          ],
        }))}
      />
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
