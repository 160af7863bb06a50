/** The page's lists as the conversations know them: told of changes, they are patched, or read again where somebody looks at them. */

import type { QueryClient } from "@tanstack/react-query";

import { folderList, me, models, sessionPages } from "../api/queries";
import { outdate, refresh } from "../api/refresh";
import { addWaiting } from "../api/waiting";
import { changed, sessionChanges, withoutFolder, type SessionChange } from "../api/session-pages";
import type { FolderAnswer } from "../api/schema";
import { labRunList } from "../features/lab/lab";
import type { Listener } from "../stores/browser-events";
import type { Lists } from "../stores/conversation";
import { labRuns, listed } from "../stores/lab";

export function listsOf(queries: QueryClient): Lists {
  const change = (change: SessionChange): void => {
    sessionChanges.note(change);
    queries.setQueryData(sessionPages.queryKey, (all) => all && changed(all, change));
  };
  const folders = (next: (all: FolderAnswer[]) => FolderAnswer[]): void => {
    queries.setQueryData(folderList.queryKey, (all) => all && next(all));
    if (queries.isFetching(folderList) > 0) void refresh(queries, folderList.queryKey); // the answer may be older
  };
  return {
    messagesChanged(session) {
      void refresh(queries, ["waiting", session]);
      const known = queries.getQueryData(models.queryKey)?.models ?? [];
      if (known.some(({ state }) => state !== "ready")) void refresh(queries, models.queryKey); // a reply loads a model, or frees it
      const key = ["messages", session];
      if (document.visibilityState === "hidden")
        void outdate(queries, key); // reading it would mark it as read
      else void refresh(queries, key);
    },
    wait: (session, message) => addWaiting(session, message),
    sessionChanged(session) {
      change({ session });
      queries.setQueryData(["session", session.id], (known: object | undefined) => known && { ...known, ...session });
    },
    sessionDeleted: (session) => change({ deleted: session }),
    folderChanged: (folder) => folders((all) => [...all.filter(({ id }) => id !== folder.id), folder]),
    folderDeleted(folder) {
      folders((all) => all.filter(({ id }) => id !== folder));
      queries.setQueryData(sessionPages.queryKey, (all) => all && withoutFolder(all, folder));
      void refresh(queries, sessionPages.queryKey);
    },
    costsChanged: () => void refresh(queries, ["usage"]),
    missed() {
      void refresh(queries, sessionPages.queryKey, folderList.queryKey, ["session"], ["usage"], ["waiting"]);
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
