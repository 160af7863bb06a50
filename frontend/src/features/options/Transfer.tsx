import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { addressOf } from "../../base";
import { answered, api } from "../../api/http";
import { refresh } from "../../api/refresh";
import { Confirm } from "../../components/Confirm";
import { words } from "../../words";

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
  const file = addressOf(`/api/chatbot/sessions/${session}/export`);
  return (
    <section className="fields" aria-label={words.options.file}>
      <div className="buttons">
        <a className="button" href={`${file}?format=markdown`} download>
          {words.options.markdown}
        </a>
        <a className="button" href={`${file}?format=json`} download>
          {words.options.json}
        </a>
        <button type="button" className="danger" onClick={() => setAsks(true)}>
          {words.options.clear}
        </button>
      </div>
      <p className="muted">{words.options.fileHint}</p>
      {empty.error && <p className="problem">{empty.error.message}</p>}
      {asks && (
        <Confirm
          title={words.options.clearTitle}
          text={words.options.clearText}
          does={words.options.clear}
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
