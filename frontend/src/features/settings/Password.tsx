import { useMutation } from "@tanstack/react-query";
import type { SubmitEvent } from "react";

import { answered, api } from "../../api/http";
import { Problem } from "../../components/Problem";
import { words } from "../../words";

export function Password() {
  const change = useMutation({
    mutationFn: (body: { current_password: string; new_password: string }) =>
      answered(api.POST("/api/auth/change-password", { body })),
  });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    const fields = new FormData(form);
    const text = (name: string): string => {
      const value = fields.get(name);
      return typeof value === "string" ? value : "";
    };
    change.mutate({ current_password: text("current"), new_password: text("new") }, { onSuccess: () => form.reset() });
  };
  return (
    <section>
      <h2>{words.common.password}</h2>
      <form className="fields narrow" onSubmit={submit}>
        <label>
          {words.settings.currentPassword}
          <input name="current" type="password" required autoComplete="current-password" />
        </label>
        <label>
          {words.settings.newPassword}
          <input name="new" type="password" required minLength={8} autoComplete="new-password" />
        </label>
        <Problem of={change.error} />
        {change.isSuccess && <p role="status">{words.settings.passwordChanged}</p>}
        <div className="buttons">
          <button type="submit" disabled={change.isPending}>
            {words.settings.changePassword}
          </button>
        </div>
      </form>
    </section>
  );
}
