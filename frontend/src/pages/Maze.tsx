import { useQuery } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { useSearch } from "wouter";

import { mazeSets } from "../api/maze";
import { Page } from "../components/Page";
import { Game } from "../features/maze/Game";
import { Leaderboard } from "../features/maze/Leaderboard";
import { MyGames } from "../features/maze/MyGames";
import { useGameCommands } from "../features/maze/commands";
import { useGame } from "../features/maze/play";
import { Setup } from "../features/maze/Setup";
import { aboutOf, titleOf } from "../features/maze/titles";
import { useCommands } from "../features/palette/commands";
import { pathOf } from "../site";
import { mazeChoice } from "../stores/maze-choice";
import type { MazePlay } from "../stores/maze-play";
import { words } from "../words";
import { NotFound } from "./NotFound";

/** The maze: a game, or what there is to play and who did best. */
export function Maze({ game }: { game: number | null }) {
  return game === null ? <Hall /> : <Room key={game} id={game} />;
}

/** `?template=ID`: a game of the model with that template is prepared. */
function useAskedTemplate(): void {
  const asked = Number(new URLSearchParams(useSearch()).get("template"));
  useEffect(() => {
    if (Number.isInteger(asked) && asked > 0) mazeChoice.set({ mode: "lam", source: "template", template: asked, variables: {} });
  }, [asked]);
}

function Hall() {
  useAskedTemplate();
  const { set } = useSyncExternalStore(mazeChoice.subscribe, mazeChoice.get);
  return (
    <Page name="maze" isWide>
      <p className="maze-intro">{words.maze.intro}</p>
      <div className="maze-hall">
        <Setup />
        <div>
          <MyGames />
          <Leaderboard first={set ?? "small"} />
        </div>
      </div>
    </Page>
  );
}

function back() {
  return { href: pathOf("maze"), label: words.maze.back };
}

function Room({ id }: { id: number }) {
  const { play, problem } = useGame(id);
  if (problem?.status === 404) return <NotFound />;
  if (play !== undefined) return <Played play={play} />;
  return (
    <Page name="maze" back={back()} isWide>
      {problem === null ? (
        <p className="muted">{words.maze.loading}</p>
      ) : (
        <p className="problem" role="alert">
          {problem.code === "rules_changed" ? words.maze.rulesChanged : problem.message}
        </p>
      )}
    </Page>
  );
}

function Played({ play }: { play: MazePlay }) {
  const sets = useQuery(mazeSets).data;
  useCommands(useGameCommands(play));
  return (
    <Page
      name="maze"
      title={titleOf(play.game, sets)}
      back={back()}
      isWide
      aside={<p className="maze-about muted">{aboutOf(play.game)}</p>}
    >
      <Game play={play} />
    </Page>
  );
}
