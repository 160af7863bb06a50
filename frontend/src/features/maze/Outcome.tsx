import { useMutation, useQuery } from "@tanstack/react-query";
import { RotateCcw, SkipForward } from "lucide-react";
import { useContext, useState } from "react";
import { Link, useLocation } from "wouter";

import { deleteGame, mazeSets, newGame, type Game } from "../../api/maze";
import { Confirm } from "../../components/Confirm";
import { useRoomOfGuest } from "../../components/guest";
import { Problem } from "../../components/Problem";
import { gamePath, pathOf } from "../../site";
import { choiceOf, mazeChoice, newGameOf } from "../../stores/maze-choice";
import type { MazePlay } from "../../stores/maze-play";
import { words } from "../../words";
import { OnwardContext } from "./onward";
import { usePlay } from "./play";

/** How the game ended, what it is worth and why, and where to go from here. */
export function Outcome({ play }: { play: MazePlay }) {
  const isOver = usePlay(play, (game) => game.isOver);
  const game = usePlay(play, (one) => one.game);
  const problem = usePlay(play, (one) => one.problem);
  const { maze } = words;
  if (!isOver) return <Problem of={problem} />;
  return (
    <section className="maze-outcome" aria-label={maze.result}>
      {game.status === "playing" ? <p className="muted">{maze.checking}</p> : <Ended game={game} status={game.status} />}
      {game.mine && game.status !== "playing" && <Onward game={game} />}
    </section>
  );
}

function Ended({ game, status }: { game: Game; status: Exclude<Game["status"], "playing"> }) {
  const { maze } = words;
  const { score, steps, shortest, illegal, powers, tokens, seconds } = game.result;
  return (
    <>
      <h2>{maze.endings[status][game.mode]}</h2>
      {status === "won" ? (
        <>
          <p className="score">{maze.score(score ?? 0)}</p>
          <p className="muted">
            {maze.formula(shortest, steps, illegal, powers)} {maze.formulaHint}
          </p>
        </>
      ) : (
        <p className="muted">{maze.lostAt(steps)}</p>
      )}
      {tokens > 0 && <p className="figures muted">{maze.cost(maze.tokens(tokens), seconds)}</p>}
    </>
  );
}

function Onward({ game }: { game: Game }) {
  const onGame = useContext(OnwardContext);
  return onGame === null ? <ToPages game={game} /> : <InPlace game={game} onGame={onGame} />;
}

/** The number of the next maze of the set, null after the last one. */
function useNext(game: Game): number | null {
  const mazes = useQuery(mazeSets).data?.find(({ name }) => name === game.set)?.mazes ?? 0;
  return game.maze !== null && game.maze < mazes ? game.maze + 1 : null;
}

function InPlace({ game, onGame }: { game: Game; onGame: (game: number) => void }) {
  const room = useRoomOfGuest();
  const next = useNext(game);
  const begin = useMutation({
    mutationFn: (maze: number | null) => newGame({ mode: game.mode, set: game.set, maze }, room),
    onSuccess: ({ id }) => onGame(id),
  });
  const { maze } = words;
  return (
    <>
      <div className="buttons">
        <button type="button" disabled={begin.isPending} onClick={() => begin.mutate(game.maze)}>
          <RotateCcw aria-hidden /> {maze.again}
        </button>
        {next !== null && (
          <button type="button" disabled={begin.isPending} onClick={() => begin.mutate(next)}>
            <SkipForward aria-hidden /> {maze.next}
          </button>
        )}
      </div>
      <Problem of={begin.error} />
    </>
  );
}

function ToPages({ game }: { game: Game }) {
  const { maze } = words;
  const [, navigate] = useLocation();
  const begin = useMutation({
    mutationFn: (more: { maze?: number }) => newGame({ ...newGameOf({ ...mazeChoice.get(), ...choiceOf(game) }), ...more }),
    onSuccess: ({ id }) => navigate(gamePath(id)),
  });
  const next = useNext(game);
  const [isAsking, setAsking] = useState(false);
  const remove = useMutation({ mutationFn: () => deleteGame(game.id), onSuccess: () => navigate(pathOf("maze")) });
  return (
    <>
      <div className="buttons">
        <button type="button" disabled={begin.isPending} onClick={() => begin.mutate({})}>
          <RotateCcw aria-hidden /> {maze.again}
        </button>
        {next !== null && (
          <button type="button" disabled={begin.isPending} onClick={() => begin.mutate({ maze: next })}>
            <SkipForward aria-hidden /> {maze.next}
          </button>
        )}
        <Link href={pathOf("maze")} className="button quiet" onClick={() => mazeChoice.set(choiceOf(game))}>
          {maze.change}
        </Link>
        <button type="button" className="quiet" onClick={() => setAsking(true)}>
          {maze.delete}
        </button>
      </div>
      <Problem of={begin.error ?? remove.error} />
      {isAsking && (
        <Confirm
          title={maze.deleteTitle}
          text={maze.deleteText}
          does={maze.delete}
          onClose={() => setAsking(false)}
          onYes={() => remove.mutate()}
        />
      )}
    </>
  );
}
