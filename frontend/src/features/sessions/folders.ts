/** Folders as server data: what changes them, and which session is in which. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { useSearch } from "wouter";

import { answered, api } from "../../api/http";
import { folderList, sessionPages } from "../../api/queries";
import { refresh } from "../../api/refresh";
import type { FolderAnswer, ListedSession, NewFolder } from "../../api/schema";
import { partOf, withoutFolder, type Part } from "../../api/session-pages";
import { notices } from "../../stores/notices";
import { preferences } from "../../stores/preferences";
import { words } from "../../words";
import { useChangeSession } from "./sessions";

/** All folders, by name. */
export function useFolders(): readonly FolderAnswer[] {
  const { data } = useQuery({ ...folderList, select: byName });
  return data ?? [];
}

function byName(all: FolderAnswer[]): FolderAnswer[] {
  return all.toSorted((one, other) => words.format.compare(one.name, other.name));
}

/** The folder in which the next session begins: the address says it. */
export function useFolderOfNew(): FolderAnswer | undefined {
  const asked = Number(new URLSearchParams(useSearch()).get("folder") ?? NaN);
  return useFolders().find(({ id }) => id === asked);
}

/** Makes a new one, or changes one that is there. */
export function useSaveFolder(id: number | null) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (folder: NewFolder): Promise<FolderAnswer> =>
      answered(
        id === null
          ? api.POST("/api/chatbot/folders", { body: folder })
          : api.PATCH("/api/chatbot/folders/{folder_id}", { params: { path: { folder_id: id } }, body: folder }),
      ),
    onSuccess: (saved) => {
      if (id === null) setOpen(saved.id, true);
      queries.setQueryData(folderList.queryKey, (all) => all && [...all.filter((one) => one.id !== saved.id), saved]);
    },
  });
}

/** Its sessions stay, outside of folders. */
export function useDeleteFolder() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: number) => answered(api.DELETE("/api/chatbot/folders/{folder_id}", { params: { path: { folder_id: id } } })),
    onSuccess: (_, id) => {
      setOpen(id, false);
      queries.setQueryData(folderList.queryKey, (all) => all?.filter((one) => one.id !== id));
      queries.setQueryData(sessionPages.queryKey, (all) => all && withoutFolder(all, id));
    },
    onError: (error) => notices.show(error.message),
    onSettled: () => refresh(queries, folderList.queryKey, sessionPages.queryKey),
  });
}

export function setOpen(folder: number, isOpen: boolean): void {
  const others = preferences.get().openFolders.filter((id) => id !== folder);
  preferences.set({ openFolders: isOpen ? [...others, folder] : others });
}

/** Moves a session, says where it is now, and offers to take that back. */
export function useMoveSession(): (session: Pick<ListedSession, "id" | "title" | "folder_id">, to: Part) => void {
  const { mutate } = useChangeSession();
  const folders = useFolders();
  return useCallback(
    (session, to) => {
      const from = partOf(session);
      if (from === to) return;
      const move = (part: Part): void => mutate({ id: session.id, folder_id: part === "none" ? null : part });
      move(to);
      const name = folders.find(({ id }) => id === to)?.name;
      const said = name === undefined ? words.folders.movedOut(session.title) : words.folders.moved(session.title, name);
      notices.show(said, { label: words.sessions.undo, run: () => move(from) });
    },
    [mutate, folders],
  );
}
