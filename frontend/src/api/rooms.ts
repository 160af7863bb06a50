/** Rooms: an owner, the code that lets people in, and each participant's own session. */

import { queryOptions } from "@tanstack/react-query";

import { addressOf } from "../base";
import { answered, api, ApiError } from "./http";
import type { NewRoomBody, ParticipantAnswer, RoomAnswer, RoomChanges } from "./schema";
import { request } from "./streams";

export type Room = RoomAnswer;
export type Participant = ParticipantAnswer;
export type Task = NonNullable<Room["task"]>;

/** What the page says of a new room; the gateway knows the rest. */
export type NewRoom = Pick<NewRoomBody, "title" | "expires_at"> &
  Required<Pick<NewRoomBody, "template_id" | "models" | "budget" | "seconds" | "task" | "shows_others">>;
export type RoomChange = RoomChanges;
export type RoomDeed = "pause" | "resume" | "lock" | "unlock";

const of = (room_id: number) => ({ params: { path: { room_id } } });

export const rooms = {
  list: () => answered(api.GET("/api/rooms")),
  open: (room: NewRoom) => answered(api.POST("/api/rooms", { body: room as NewRoomBody })),
  read: (id: number) => answered(api.GET("/api/rooms/{room_id}", of(id))),
  change: (id: number, changes: RoomChange) => answered(api.PATCH("/api/rooms/{room_id}", { ...of(id), body: changes })),
  end: (id: number) => answered(api.DELETE("/api/rooms/{room_id}", of(id))),
  does: (id: number, deed: RoomDeed) => answered(api.POST(`/api/rooms/{room_id}/${deed}`, of(id))),
  /** To everybody in it; an empty text takes it away. */
  say: (id: number, text: string) => answered(api.POST("/api/rooms/{room_id}/message", { ...of(id), body: { text } })),
  /** Everybody is shown this session; null: none. */
  project: (id: number, session: number | null) =>
    answered(api.POST("/api/rooms/{room_id}/project", { ...of(id), body: { session_id: session } })),
  participants: (id: number) => answered(api.GET("/api/rooms/{room_id}/participants", of(id))),
  remove: (room_id: number, user_id: number) =>
    answered(api.DELETE("/api/rooms/{room_id}/participants/{user_id}", { params: { path: { room_id, user_id } } })),
  leaderboard: (id: number) => answered(api.GET("/api/rooms/{room_id}/leaderboard", of(id))),
  look: (code: string) => answered(api.POST("/api/rooms/look", { body: { code } })),
  /** Enters; a guest by a nickname, which gets a cookie for this room only. */
  join: (code: string, nickname: string | null) => answered(api.POST("/api/rooms/join", { body: { code, nickname } })),
  qrAddress: (id: number) => addressOf(`/api/rooms/${id}/qr.svg`),
  /** Everything that was said in it, as a file. Throws ApiError. */
  async file(id: number): Promise<{ name: string; data: Blob }> {
    const answer = await request(`/api/rooms/${id}/export`, { method: "POST" });
    const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1];
    return { name: name ?? `room-${id}`, data: await answer.blob() };
  },
};

export const roomList = queryOptions({ queryKey: ["rooms"], queryFn: () => rooms.list() });

export function leaderboardOf(id: number) {
  return queryOptions({ queryKey: ["rooms", id, "leaderboard"], queryFn: () => rooms.leaderboard(id) });
}

/** Whether an error says that the room is gone, or was never there for whoever asks. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && [401, 403, 404, 410].includes(error.status);
}
