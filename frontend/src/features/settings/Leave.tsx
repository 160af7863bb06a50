import { useMutation } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";

import { answered, api } from "../../api/http";
import { Dialog } from "../../components/Dialog";
import { Problem } from "../../components/Problem";

/** The end of the account. `onGone`: it is deleted. */
export function Leave({ email, onGone }: { email: string; onGone: () => void }) {
  const [asks, setAsks] = useState(false);
  return (
    <section>
      <h2>Delete the account</h2>
      <p className="muted">With all conversations, templates and figures. Export what you want to keep before.</p>
      <div className="buttons">
        <button type="button" className="danger" onClick={() => setAsks(true)}>
          Delete the account
        </button>
      </div>
      {asks && <LastQuestion email={email} onGone={onGone} onClose={() => setAsks(false)} />}
    </section>
  );
}

/** Asks for the password, so that nobody at an open page can do this. */
function LastQuestion({ email, onGone, onClose }: { email: string; onGone: () => void; onClose: () => void }) {
  const remove = useMutation({
    mutationFn: (body: { password: string }) => answered(api.DELETE("/api/auth/account", { body })),
    onSuccess: onGone,
  });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const { password } = Object.fromEntries(new FormData(event.currentTarget)) as { password: string };
    remove.mutate({ password });
  };
  return (
    <Dialog title={`Delete ${email}?`} onClose={onClose}>
      <form className="fields" onSubmit={submit}>
        <p>The account and everything in it are removed for ever. Running replies are stopped.</p>
        <label>
          Your password
          <input name="password" type="password" required autoComplete="current-password" />
        </label>
        <Problem of={remove.error} />
        <footer className="buttons">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="danger" disabled={remove.isPending}>
            Delete for ever
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
