/** The maze: its games and their hints at the gateway. */

import { queryOptions } from "@tanstack/react-query";

import type { Numbered } from "../protocol/events";
import type { Action, Logged, Settings } from "../protocol/maze";
import { batches, request } from "./streams";

type Mode = "manual" | "lam";
export type Forcing = "legal" | "shape" | "none";

export interface MazeSet {
  name: string;
  title: string;
  description: string;
  /** How many there are; they are counted from 1. */
  mazes: number;
  size: number;
  loops: number;
  germs: number;
  fog: boolean;
}

/** What a game is begun with: a maze of a set, or a seed and what it is made of. */
export interface NewGame {
  mode: Mode;
  set?: string;
  maze?: number;
  seed?: number;
  size?: number;
  loops?: number;
  germs?: number;
  fog?: boolean;
  template_id?: number;
  prompt?: string;
  variables?: Record<string, string>;
  model?: string;
  forcing?: Forcing;
  temperature?: number;
}

export interface LoggedAction {
  action: Logged;
  legal: boolean;
  /** The number of the hint that it came from. */
  hint: number | null;
}

export interface GameResult {
  /** Null while it is being played. */
  score: number | null;
  steps: number;
  shortest: number;
  illegal: number;
  powers: number;
  tokens: number;
  first_token_ms: number | null;
  seconds: number;
}

export interface Game {
  id: number;
  mode: Mode;
  set: string | null;
  maze: number | null;
  seed: number;
  rules: number;
  settings: Settings;
  template_id: number | null;
  template_version: number | null;
  template_title: string | null;
  prompt: string | null;
  model: string | null;
  forcing: Forcing;
  status: "playing" | "won" | "germ" | "oxygen" | "given_up";
  actions: LoggedAction[];
  result: GameResult;
  /** The hint that is on its way. */
  stream_id: string | null;
  created_at: string;
  ended_at: string | null;
  mine: boolean;
}

export interface Hint {
  number: number;
  /** It was asked for in the state after so many actions. */
  after: number;
  stream_id: string | null;
  status: string;
  say: string;
  reading: "exact" | "repaired" | "illegal" | null;
  action: Logged | null;
  legal: boolean | null;
  answer: string;
  first_token_ms: number | null;
  total_ms: number | null;
  tokens: number | null;
  error: string | null;
  created_at: string;
}

/** A hint with all that the model got for it, which only its owner may read. */
export interface FullHint extends Hint {
  sent: { role: string; content: string }[];
  thinking: string;
}

export interface Replay extends Game {
  hints: Hint[];
}

interface LeaderboardRow {
  rank: number;
  game_id: number;
  maze: number;
  name: string;
  template_id: number | null;
  template_title: string | null;
  score: number;
  steps: number;
  shortest: number;
  illegal: number;
  tokens: number;
  seconds: number;
  created_at: string;
}

async function get<T>(path: string): Promise<T> {
  return (await (await request(`/api/maze${path}`, {})).json()) as T;
}

async function post<T>(path: string, body: object, init: RequestInit = {}): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  const answer = await request(`/api/maze${path}`, { method: "POST", body: JSON.stringify(body), headers, ...init });
  return (await answer.json()) as T;
}

export const mazeSets = queryOptions({
  queryKey: ["maze", "sets"],
  queryFn: () => get<MazeSet[]>("/sets"),
  staleTime: Infinity,
});

export const myGames = queryOptions({
  queryKey: ["maze", "games"],
  queryFn: () => get<Game[]>("/games?limit=20"),
});

export function leaderboard(set: string, mode: Mode) {
  return queryOptions({
    queryKey: ["maze", "leaderboard", set, mode],
    queryFn: () => get<LeaderboardRow[]>(`/leaderboard?set=${encodeURIComponent(set)}&mode=${mode}`),
  });
}

/** What a hint was made of; it does not change once the hint has ended. */
export function fullHint(game: number, number: number) {
  return queryOptions({
    queryKey: ["maze", "games", game, "hints", number],
    queryFn: () => get<FullHint>(`/games/${game}/hints/${number}`),
    staleTime: Infinity,
  });
}

export function newGame(game: NewGame): Promise<Game> {
  return post("/games", game);
}

/** A game and its hints so far. */
export function replayOf(game: number): Promise<Replay> {
  return get(`/games/${game}/replay`);
}

/** Adds actions to a game's log, of which `after` are known here. Throws ApiError: 409 where the log has another length. */
export function act(game: number, after: number, actions: readonly Action[], isLast = false): Promise<Game> {
  return post(`/games/${game}/act`, { after, actions }, { keepalive: isLast });
}

/** Asks the model what to do next; the stream of its answer. */
export function hint(game: number, after: number, signal: AbortSignal): AsyncGenerator<Numbered[]> {
  const body = JSON.stringify({ after, on_disconnect: "continue" });
  const headers = { "Content-Type": "application/json" };
  return batches(`/api/maze/games/${game}/hint`, { method: "POST", body, headers, signal });
}

export function giveUp(game: number): Promise<Game> {
  return post(`/games/${game}/finish`, {});
}

export async function deleteGame(game: number): Promise<void> {
  await request(`/api/maze/games/${game}`, { method: "DELETE" });
}
