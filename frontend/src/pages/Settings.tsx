import { useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { useLocation } from "wouter";

import { me } from "../api/queries";
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
  const file = useRef<HTMLInputElement>(null);
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
          <button type="button" disabled={take.isPending} onClick={() => file.current?.click()}>
            Choose a file
          </button>
        </div>
        <input
          ref={file}
          type="file"
          hidden
          accept=".json"
          aria-label="An exported conversation"
          onChange={(event) => {
            const one = event.currentTarget.files?.[0];
            if (one) take.mutate(one, { onSuccess: ({ id }) => navigate(`/c/${id}`) });
            event.currentTarget.value = "";
          }}
        />
      </section>
      {account.data && <Leave email={account.data.email} onGone={leave} />}
    </Page>
  );
}
