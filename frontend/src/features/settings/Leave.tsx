import { useMutation } from "@tanstack/react-query";
import { useState } from "react";

import { answered, api } from "../../api/http";
import { Confirm } from "../../components/Confirm";
import { Problem } from "../../components/Problem";

/** The end of the account. `onGone`: it is deleted. */
export function Leave({ email, onGone }: { email: string; onGone: () => void }) {
  const [asks, setAsks] = useState(false);
  const remove = useMutation({ mutationFn: () => answered(api.DELETE("/api/auth/account")), onSuccess: onGone });
  return (
    <section>
      <h2>Delete the account</h2>
      <p className="muted">With all conversations, templates and figures. Export what you want to keep before.</p>
      <Problem of={remove.error} />
      <div className="buttons">
        <button type="button" className="danger" onClick={() => setAsks(true)}>
          Delete the account
        </button>
      </div>
      {asks && (
        <Confirm
          title={`Delete ${email}?`}
          text="The account and everything in it are removed for ever. Running replies are stopped."
          does="Delete for ever"
          onClose={() => setAsks(false)}
          onYes={() => {
            setAsks(false);
            remove.mutate();
          }}
        />
      )}
    </section>
  );
}
