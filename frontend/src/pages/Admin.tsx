import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { me } from "../api/queries";
import type { ListedAccount } from "../api/schema";
import { Page } from "../components/Page";
import { Machinery } from "../features/admin/Machinery";
import { Runs } from "../features/admin/Runs";
import { Servers } from "../features/admin/Servers";
import { Users } from "../features/admin/Users";
import { UserBudget } from "../features/keys/UserBudget";
import { words } from "../words";

/** What runs, on what, and for whom; always as it is now. */
export function Admin() {
  const account = useQuery(me);
  const [limited, setLimited] = useState<ListedAccount | null>(null);
  return (
    <Page name="admin">
      <Machinery />
      <Servers />
      <Runs />
      {account.data && <Users own={account.data.id} onBudget={setLimited} />}
      {limited && (
        <UserBudget
          user={limited.id}
          name={limited.email === "local" ? words.admin.local : limited.email}
          onClose={() => setLimited(null)}
        />
      )}
    </Page>
  );
}
