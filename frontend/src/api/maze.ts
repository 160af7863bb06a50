/** The maze: its games and their hints at the gateway. */

import { queryOptions } from "@tanstack/react-query";

import type { Numbered } from "../protocol/events";
import type { Action } from "../protocol/maze";
import { spokenMazes } from "./built-in";
import { answered, api } from "./http";
import type { GameAnswer, HintAnswer, NewGameFields, ReplayAnswer } from "./schema";
import { batches } from "./streams";

export type Game = GameAnswer;
export type Hint = HintAnswer;
export type Replay = ReplayAnswer;
export type LoggedAction = Game["actions"][number];
/** What a game is begun with: a maze of a set, or a seed and what it is made of. */
export type NewGame = Pick<NewGameFields, "mode"> & Partial<NewGameFields>;
type Mode = Game["mode"];

const MOST_LISTED = 20;

export const mazeSets = queryOptions({
  queryKey: ["maze", "sets"],
  queryFn: () => answered(api.GET("/api/maze/sets")),
  select: spokenMazes,
  staleTime: Infinity,
});

export const myGames = queryOptions({
  queryKey: ["maze", "games"],
  queryFn: () => answered(api.GET("/api/maze/games", { params: { query: { limit: MOST_LISTED } } })),
});

/** My games. `room`: the room whose guest I am, null with an account. */
export function gamesInRoom(room: number | null) {
  return queryOptions({
    queryKey: ["maze", "games", { room }],
    queryFn: () => answered(api.GET("/api/maze/games", { params: { query: { limit: MOST_LISTED, room } } })),
  });
}

export function leaderboard(set: string, mode: Mode) {
  return queryOptions({
    queryKey: ["maze", "leaderboard", set, mode],
    queryFn: () => answered(api.GET("/api/maze/leaderboard", { params: { query: { set, mode } } })),
  });
}

/** A hint and what it was made of; it does not change once it has ended. */
export function fullHint(game: number, number: number) {
  return queryOptions({
    queryKey: ["maze", "games", game, "hints", number],
    queryFn: () => answered(api.GET("/api/maze/games/{game_id}/hints/{number}", { params: { path: { game_id: game, number } } })),
    staleTime: Infinity,
  });
}

/** Starts a game. `room`: the room of a guest, null for anybody else. */
export function newGame(game: NewGame, room: number | null = null): Promise<Game> {
  return answered(api.POST("/api/maze/games", { params: { query: { room } }, body: game as NewGameFields }));
}

/** A game and its hints so far. */
export function replayOf(game: number): Promise<Replay> {
  return answered(api.GET("/api/maze/games/{game_id}/replay", { params: { path: { game_id: game } } }));
}

/** Adds actions to a game's log, of which `after` are known here. Throws ApiError: 409 where the log has another length. */
export function act(game: number, after: number, actions: Action[]): Promise<Game> {
  const params = { path: { game_id: game } };
  // Also where the page is left in the same moment.
  return answered(api.POST("/api/maze/games/{game_id}/act", { params, body: { after, actions }, keepalive: true }));
}

/** Asks the model what to do next; the stream of its answer. */
export function hint(game: number, after: number, signal: AbortSignal): AsyncGenerator<Numbered[]> {
  const body = JSON.stringify({ after, on_disconnect: "continue" });
  const headers = { "Content-Type": "application/json" };
  return batches(`/api/maze/games/${game}/hint`, { method: "POST", body, headers, signal });
}

export function giveUp(game: number): Promise<Game> {
  return answered(api.POST("/api/maze/games/{game_id}/finish", { params: { path: { game_id: game } } }));
}

export function deleteGame(game: number): Promise<unknown> {
  return answered(api.DELETE("/api/maze/games/{game_id}", { params: { path: { game_id: game } } }));
}
