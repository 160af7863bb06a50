/** The page's lists as the conversations know them: told of changes, they are patched, or read again where somebody looks at them. */

import type { QueryClient } from "@tanstack/react-query";

import { me, sessionList } from "../api/queries";
import { outdate, refresh } from "../api/refresh";
import { changed, sessionChanges } from "../api/session-changes";
import { labRunList } from "../features/lab/lab";
import type { Listener } from "../stores/browser-events";
import type { Lists } from "../stores/conversation";
import { labRuns, listed } from "../stores/lab";

export function listsOf(queries: QueryClient): Lists {
  return {
    messagesChanged(session) {
      const key = ["messages", session];
      if (document.visibilityState === "hidden")
        void outdate(queries, key); // reading it would mark it as read
      else void refresh(queries, key);
    },
    sessionChanged(session) {
      sessionChanges.note({ session });
      queries.setQueryData(sessionList.queryKey, (all) => all && changed(all, { session }));
      queries.setQueryData(["session", session.id], (known: object | undefined) => known && { ...known, ...session });
    },
    sessionDeleted(session) {
      sessionChanges.note({ deleted: session });
      queries.setQueryData(sessionList.queryKey, (all) => all && changed(all, { deleted: session }));
    },
    costsChanged: () => void refresh(queries, ["usage"]),
    missed() {
      void refresh(queries, sessionList.queryKey, ["session"], ["usage"]);
      if (document.visibilityState === "hidden") void outdate(queries, ["messages"]);
      else void refresh(queries, ["messages"]);
    },
    refused: () => void refresh(queries, me.queryKey),
  };
}

/** The lab's runs, and the list of them, as events tell of them. */
export function labOf(queries: QueryClient): Listener {
  return {
    lab(event) {
      labRuns.take(event);
      const all = queries.getQueryData(labRunList.queryKey);
      const changes = all && listed(all, event);
      if (changes) queries.setQueryData(labRunList.queryKey, changes);
      else void refresh(queries, labRunList.queryKey);
    },
    missed: () => void refresh(queries, ["lab"]),
  };
}
