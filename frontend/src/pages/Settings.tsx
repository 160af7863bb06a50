import { useQuery } from "@tanstack/react-query";
import { useLocation } from "wouter";

import { me } from "../api/queries";
import { FileButton } from "../components/FileButton";
import { Page } from "../components/Page";
import { Problem } from "../components/Problem";
import { leave } from "../features/account/account";
import { useImportSession } from "../features/sessions/sessions";
import { Appearance } from "../features/settings/Appearance";
import { Devices } from "../features/settings/Devices";
import { Leave } from "../features/settings/Leave";
import { Password } from "../features/settings/Password";

export function Settings() {
  const account = useQuery(me);
  const [, navigate] = useLocation();
  const take = useImportSession();
  return (
    <Page title="Settings">
      <p className="muted">{account.data?.email}</p>
      <Appearance />
      <Devices />
      <Password />
      <section>
        <h2>Import a conversation</h2>
        <p className="muted">From the JSON that a conversation’s options export.</p>
        <Problem of={take.error} />
        <div className="buttons">
          <FileButton
            label="Choose a file"
            what="An exported conversation"
            accept=".json"
            disabled={take.isPending}
            onFile={(file) => take.mutate(file, { onSuccess: ({ id }) => navigate(`/c/${id}`) })}
          />
        </div>
      </section>
      {account.data && <Leave email={account.data.email} onGone={leave} />}
    </Page>
  );
}
