import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { answered, api } from "../../api/http";
import { refresh } from "../../api/refresh";
import { Confirm } from "../../components/Confirm";

/** The conversation as a file, and its emptying. */
export function Transfer({ session, onEmptied }: { session: number; onEmptied: () => void }) {
  const queries = useQueryClient();
  const [asks, setAsks] = useState(false);
  const empty = useMutation({
    mutationFn: () => answered(api.POST("/api/chatbot/sessions/{session_id}/reset", { params: { path: { session_id: session } } })),
    onSuccess: () => {
      onEmptied();
      return queries.resetQueries({ queryKey: ["messages", session] });
    },
    onSettled: () => refresh(queries, ["sessions"]),
  });
  const file = `/api/chatbot/sessions/${session}/export`;
  return (
    <section className="fields" aria-label="As a file">
      <div className="buttons">
        <a className="button" href={`${file}?format=markdown`} download>
          Markdown
        </a>
        <a className="button" href={`${file}?format=json`} download>
          JSON
        </a>
        <button type="button" className="danger" onClick={() => setAsks(true)}>
          Empty it
        </button>
      </div>
      <p className="muted">
        Markdown is for reading; JSON has every version of every turn, and can be imported again in the settings.
      </p>
      {empty.error && <p className="problem">{empty.error.message}</p>}
      {asks && (
        <Confirm
          title="Empty this conversation?"
          text="All its messages are removed for ever; its options stay."
          does="Empty it"
          onClose={() => setAsks(false)}
          onYes={() => {
            setAsks(false);
            empty.mutate();
          }}
        />
      )}
    </section>
  );
}
