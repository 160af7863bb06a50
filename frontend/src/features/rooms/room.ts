/** A room in sight, and what one can do in it, as React sees it. */

import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useState, useSyncExternalStore } from "react";

import { answered, api } from "../../api/http";
import { isGone, roomList, rooms, type NewRoom, type RoomChange, type RoomDeed } from "../../api/rooms";
import { refresh } from "../../api/refresh";
import { stop } from "../../api/streams";
import type { BrowserEvents } from "../../stores/browser-events";
import { RoomView } from "../../stores/rooms";

export const RoomEventsContext = createContext<BrowserEvents | null>(null);

/** A room as it is at every moment. Ask for another room by another key. */
export function useRoom(id: number): RoomView {
  const events = useContext(RoomEventsContext);
  if (events === null) throw new Error("no events around");
  const [view] = useState(() => new RoomView(id, events, rooms, isGone));
  useEffect(() => view.start(), [view]);
  return view;
}

/** What is known of the room itself; null: not yet, or nothing any more. */
export function useAbout(view: RoomView) {
  return useSyncExternalStore(view.subscribe, () => view.room);
}

export function useTiles(view: RoomView) {
  return useSyncExternalStore(view.subscribe, () => view.tiles);
}

/** What was said in a participant's session, newest last. */
export function transcriptOf(session: number) {
  return queryOptions({
    queryKey: ["rooms", "transcript", session],
    queryFn: () =>
      answered(
        api.GET("/api/chatbot/sessions/{session_id}/messages", { params: { path: { session_id: session }, query: { limit: 50 } } }),
      ),
    staleTime: 0,
    retry: false,
  });
}

export function useOpenRoom() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (room: NewRoom) => rooms.open(room),
    onSuccess: () => refresh(queries, roomList.queryKey),
  });
}

/** Something that the owner does in a room; the room says itself what came of it. */
function useControl<T>(view: RoomView, does: (id: number, what: T) => Promise<unknown>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (what: T) => does(view.id, what),
    onSuccess: () => Promise.all([view.load(), refresh(queries, roomList.queryKey)]),
  });
}

export const useDeed = (view: RoomView) => useControl<RoomDeed>(view, rooms.does);
export const useChange = (view: RoomView) => useControl<RoomChange>(view, rooms.change);
export const useSay = (view: RoomView) => useControl<string>(view, rooms.say);
export const useProject = (view: RoomView) => useControl<number | null>(view, rooms.project);

/** Removes a participant. */
export const useRemove = (view: RoomView) => useControl<number>(view, rooms.remove);

export function useEnd(view: RoomView) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => rooms.end(view.id),
    onSuccess: () => {
      view.close();
      return refresh(queries, roomList.queryKey);
    },
  });
}

export function useExport(view: RoomView) {
  return useMutation({ mutationFn: () => rooms.file(view.id), onSuccess: ({ name, data }) => keep(name, data) });
}

export function useStopReply() {
  return useMutation({ mutationFn: (stream: string) => stop(stream) });
}

/** The browser keeps data as a file. */
function keep(name: string, data: Blob): void {
  const address = URL.createObjectURL(data);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // a slow disk still reads it
}
