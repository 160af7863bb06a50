import { useQuery } from "@tanstack/react-query";
import { useLocation } from "wouter";

import { me } from "../api/queries";
import { Page } from "../components/Page";
import { leave } from "../features/account/account";
import { Budgets } from "../features/keys/Budgets";
import { Keys } from "../features/keys/Keys";
import { Appearance } from "../features/settings/Appearance";
import { Devices } from "../features/settings/Devices";
import { Import } from "../features/settings/Import";
import { Leave } from "../features/settings/Leave";
import { Password } from "../features/settings/Password";
import { sessionPath } from "../site";

export function Settings() {
  const account = useQuery(me);
  const [, navigate] = useLocation();
  return (
    <Page name="settings">
      <p className="muted">{account.data?.email}</p>
      <Appearance />
      <Budgets />
      <Keys />
      <Devices />
      <Password />
      <Import onShow={(session) => navigate(sessionPath(session))} />
      {account.data && <Leave email={account.data.email} onLeave={leave} />}
    </Page>
  );
}
