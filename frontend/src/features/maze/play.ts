/** A game as React sees it. */

import { useQueryClient } from "@tanstack/react-query";
import { startTransition, useEffect, useState, useSyncExternalStore } from "react";

import { ApiError } from "../../api/http";
import { refresh } from "../../api/refresh";
import { MazePlay } from "../../stores/maze-play";
import { useRuns } from "./runs";

/** The game with this number; undefined until it is known. */
export function useGame(id: number): { play: MazePlay | undefined; problem: ApiError | null } {
  const runs = useRuns();
  const queries = useQueryClient();
  const [play, setPlay] = useState<MazePlay>();
  const [problem, setProblem] = useState<ApiError | null>(null);
  useEffect(() => {
    let isHere = true;
    let opened: MazePlay | undefined;
    MazePlay.open(id, runs).then(
      (game) => {
        opened = game;
        if (isHere) {
          startTransition(() => setPlay(game)); // in pieces: a game is a whole page
        } else game.close();
      },
      (error: unknown) => {
        if (isHere && error instanceof ApiError) setProblem(error);
      },
    );
    return () => {
      isHere = false;
      opened?.close();
      setPlay(undefined);
      setProblem(null);
      void refresh(queries, ["maze"]);
    };
  }, [id, runs, queries]);
  return { play, problem };
}

/** Something about a game; renders again only when it becomes something else. */
export function usePlay<T>(play: MazePlay, read: (play: MazePlay) => T): T {
  return useSyncExternalStore(play.subscribe, () => read(play));
}

/** Tells the game whether somebody sees it. */
export function useInSight(play: MazePlay): void {
  useEffect(() => {
    const look = (): void => play.setHidden(document.visibilityState === "hidden");
    look();
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [play]);
}
