/** The settings of a session, or of the one that the next message begins; saved quietly. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { answered, api } from "../../api/http";
import { sessionOf } from "../../api/queries";
import type { SessionAnswer, SessionChanges, SessionSettings } from "../../api/schema";
import type { PendingSettings } from "../../stores/pending-settings";

const QUIET_MS = 600;
/** Characters: browsers refuse to carry more than 64 KiB beyond the end of a page. */
const MOST_KEPT_ALIVE = 16_000;

export interface SettingsInForce {
  values: SessionSettings | undefined;
  change: (changes: SessionChanges) => void;
  /** Whether what was changed is stored, or why it is not. */
  state: "saved" | "saving" | Error;
}

/** Of a session that is there. What is typed is shown at once and stored when no more comes for a moment, when the options are closed, or before the next message. */
export function useSettings(id: number, pending: PendingSettings): SettingsInForce {
  const queries = useQueryClient();
  const session = useQuery(sessionOf(id));
  const [changes, setChanges] = useState<SessionChanges | null>(null);
  const { mutateAsync, isPending, error } = useMutation({
    scope: { id: `settings ${id}` }, // one after the other, or the last to arrive would win
    networkMode: "always",
    mutationFn: (sent: SessionChanges) =>
      answered(
        api.PATCH("/api/chatbot/sessions/{session_id}", {
          params: { path: { session_id: id } },
          body: sent,
          keepalive: JSON.stringify(sent).length < MOST_KEPT_ALIVE,
        }),
      ),
    onSuccess: (now: SessionAnswer, sent) => {
      queries.setQueryData(sessionOf(id).queryKey, now);
      setChanges((more) => (more === sent ? null : more));
    },
  });
  useEffect(
    () => () => {
      pending.settle(id).catch(() => undefined); // nobody is here any more to be told
    },
    [id, pending],
  );
  useEffect(() => {
    if (changes === null) return;
    let saving: Promise<unknown> | null = null;
    const save = (): Promise<unknown> => (saving ??= mutateAsync(changes).finally(() => (saving = null)));
    const timer = setTimeout(() => {
      save().catch(() => undefined); // `state` says what went wrong
    }, QUIET_MS);
    pending.put(id, save);
    return () => {
      clearTimeout(timer);
      pending.drop(id);
    };
  }, [id, pending, changes, mutateAsync]);
  return {
    values: session.data && { ...session.data, ...changes },
    change: (more) => setChanges((so) => ({ ...so, ...more })),
    state: error ?? session.error ?? (isPending || changes !== null ? "saving" : "saved"),
  };
}
