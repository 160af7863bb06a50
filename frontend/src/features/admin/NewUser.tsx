import type { SubmitEvent } from "react";

import { Dialog } from "../../components/Dialog";
import { Problem } from "../../components/Problem";
import { words } from "../../words";
import { useDeed } from "./admin";

export function NewUser({ onClose }: { onClose: () => void }) {
  const deed = useDeed();
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const account = Object.fromEntries(new FormData(event.currentTarget)) as { email: string; password: string };
    deed.mutate({ user: null, account }, { onSuccess: onClose });
  };
  return (
    <Dialog title={words.admin.newUser} onClose={onClose}>
      <form className="fields" onSubmit={submit}>
        <label>
          {words.common.email}
          <input name="email" type="email" required autoFocus autoComplete="off" />
        </label>
        <label>
          {words.admin.firstPassword}
          <input name="password" type="password" required minLength={8} autoComplete="new-password" />
        </label>
        <Problem of={deed.error} />
        <button type="submit" className="primary" disabled={deed.isPending}>
          {words.admin.createAccount}
        </button>
      </form>
    </Dialog>
  );
}
