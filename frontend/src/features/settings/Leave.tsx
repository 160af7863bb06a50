import { useMutation } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";

import { answered, api } from "../../api/http";
import { Dialog } from "../../components/Dialog";
import { Problem } from "../../components/Problem";
import { words } from "../../words";

interface LeaveProps {
  email: string;
  /** Does what ends the account, and begins anew. */
  onLeave: (end: () => Promise<unknown>) => Promise<void>;
}

/** The end of the account. */
export function Leave({ email, onLeave }: LeaveProps) {
  const [asks, setAsks] = useState(false);
  return (
    <section>
      <h2>{words.settings.deleteAccount}</h2>
      <p className="muted">{words.settings.deleteHint}</p>
      <div className="buttons">
        <button type="button" className="danger" onClick={() => setAsks(true)}>
          {words.settings.deleteAccount}
        </button>
      </div>
      {asks && <LastQuestion email={email} onLeave={onLeave} onClose={() => setAsks(false)} />}
    </section>
  );
}

/** Asks for the password, so that nobody at an open page can do this. */
function LastQuestion({ email, onLeave, onClose }: LeaveProps & { onClose: () => void }) {
  const remove = useMutation({
    mutationFn: (body: { password: string }) => onLeave(() => answered(api.DELETE("/api/auth/account", { body }))),
  });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const { password } = Object.fromEntries(new FormData(event.currentTarget)) as { password: string };
    remove.mutate({ password });
  };
  return (
    <Dialog title={words.admin.deleteTitle(email)} onClose={onClose}>
      <form className="fields" onSubmit={submit}>
        <p>{words.admin.deleteText}</p>
        <label>
          {words.settings.yourPassword}
          <input name="password" type="password" required autoComplete="current-password" />
        </label>
        <Problem of={remove.error} />
        <footer className="buttons">
          <button type="button" onClick={onClose}>
            {words.common.cancel}
          </button>
          <button type="submit" className="danger" disabled={remove.isPending}>
            {words.settings.deleteForGood}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
