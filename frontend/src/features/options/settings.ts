/** The settings of a session, or of the one that the next message begins; saved quietly. */

import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { answered, api } from "../../api/http";
import type { SessionAnswer, SessionChanges, SessionSettings } from "../../api/schema";

const QUIET_MS = 600;

function sessionOf(id: number) {
  return queryOptions({
    queryKey: ["session", id],
    queryFn: () => answered(api.GET("/api/chatbot/sessions/{session_id}", { params: { path: { session_id: id } } })),
  });
}

export interface SettingsInForce {
  values: SessionSettings | undefined;
  change: (changes: SessionChanges) => void;
  /** Whether what was changed is stored, or why it is not. */
  state: "saved" | "saving" | Error;
}

/** Of a session that is there. What is typed is shown at once and stored when no more comes for a moment, or the session is left. */
export function useSettings(id: number): SettingsInForce {
  const queries = useQueryClient();
  const session = useQuery(sessionOf(id));
  const [unsaved, setUnsaved] = useState<SessionChanges>({});
  const { mutate, isPending, error } = useMutation({
    mutationFn: (changes: SessionChanges) =>
      answered(api.PATCH("/api/chatbot/sessions/{session_id}", { params: { path: { session_id: id } }, body: changes, keepalive: true })),
    onSuccess: (now: SessionAnswer, sent) => {
      queries.setQueryData(sessionOf(id).queryKey, now);
      setUnsaved((more) => (more === sent ? {} : more));
    },
  });
  const waiting = useRef<SessionChanges | null>(null);
  useEffect(() => {
    if (Object.keys(unsaved).length === 0) return;
    waiting.current = unsaved;
    const timer = setTimeout(() => {
      waiting.current = null;
      mutate(unsaved);
    }, QUIET_MS);
    return () => clearTimeout(timer);
  }, [unsaved, mutate]);
  useEffect(
    () => () => {
      if (waiting.current !== null) mutate(waiting.current);
    },
    [mutate],
  );
  return {
    values: session.data && { ...session.data, ...unsaved },
    change: (changes) => setUnsaved((more) => ({ ...more, ...changes })),
    state: error ?? session.error ?? (isPending || Object.keys(unsaved).length > 0 ? "saving" : "saved"),
  };
}
