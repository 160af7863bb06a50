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
import { sessionPath } from "../site";
import { words } from "../words";

export function Settings() {
  const account = useQuery(me);
  const [, navigate] = useLocation();
  const take = useImportSession();
  return (
    <Page name="settings">
      <p className="muted">{account.data?.email}</p>
      <Appearance />
      <Devices />
      <Password />
      <section>
        <h2>{words.settings.import}</h2>
        <p className="muted">{words.settings.importHint}</p>
        <Problem of={take.error} />
        <div className="buttons">
          <FileButton
            label={words.settings.chooseFile}
            what={words.settings.exportedFile}
            accept=".json"
            disabled={take.isPending}
            onFile={(file) => take.mutate(file, { onSuccess: ({ id }) => navigate(sessionPath(id)) })}
          />
        </div>
      </section>
      {account.data && <Leave email={account.data.email} onGone={leave} />}
    </Page>
  );
}
