import type { SubmitEvent } from "react";

import type { ListedAccount } from "../../api/schema";
import { Dialog } from "../../components/Dialog";
import { Problem } from "../../components/Problem";
import { words } from "../../words";
import { useDeed } from "./admin";

export function ResetPassword({ user, onClose }: { user: ListedAccount; onClose: () => void }) {
  const deed = useDeed();
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const { password } = Object.fromEntries(new FormData(event.currentTarget)) as { password: string };
    deed.mutate({ user: user.id, changes: { password } }, { onSuccess: onClose });
  };
  return (
    <Dialog title={words.admin.resetTitle(user.email)} onClose={onClose}>
      <form className="fields" onSubmit={submit}>
        <label>
          {words.common.password}
          <input name="password" type="password" required minLength={8} autoFocus autoComplete="new-password" />
        </label>
        <p className="muted">{words.admin.resetText}</p>
        <Problem of={deed.error} />
        <button type="submit" className="primary" disabled={deed.isPending}>
          {words.admin.setPassword}
        </button>
      </form>
    </Dialog>
  );
}
