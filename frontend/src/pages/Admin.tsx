import { useQuery } from "@tanstack/react-query";

import { me } from "../api/queries";
import { Page } from "../components/Page";
import { Machinery } from "../features/admin/Machinery";
import { Runs } from "../features/admin/Runs";
import { Users } from "../features/admin/Users";

/** What runs, on what, and for whom; always as it is now. */
export function Admin() {
  const account = useQuery(me);
  return (
    <Page name="admin">
      <Machinery />
      <Runs />
      {account.data && <Users own={account.data.id} />}
    </Page>
  );
}
