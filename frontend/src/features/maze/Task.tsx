import { useMutation, useQuery } from "@tanstack/react-query";
import { Bot, Hand } from "lucide-react";
import { useCallback, useState } from "react";

import { mazeSets, newGame, gamesInRoom } from "../../api/maze";
import { Problem } from "../../components/Problem";
import { useRoomOfGuest } from "../../components/guest";
import { words } from "../../words";
import { Game } from "./Game";
import { OnwardContext } from "./onward";
import { useGame } from "./play";
import { stateText, titleOf } from "./titles";

/** The task of a room: choose a maze of its set, play it, play again, without leaving the room's page. */
export function MazeTask({ set }: { set: string }) {
  const [game, setGame] = useState<number | null>(null);
  if (game === null) return <Choice set={set} onGame={setGame} />;
  return <Played key={game} id={game} onGame={setGame} />;
}

interface Props {
  onGame: (game: number | null) => void;
}

function Choice({ set, onGame }: Props & { set: string }) {
  const { maze: say, format } = words;
  const room = useRoomOfGuest();
  const sets = useQuery(mazeSets);
  const mine = useQuery(gamesInRoom(room));
  const [maze, setMaze] = useState(1);
  const begin = useMutation({
    mutationFn: (mode: "manual" | "lam") => newGame({ mode, set, maze }, room),
    onSuccess: ({ id }) => onGame(id),
  });
  const count = sets.data?.find(({ name }) => name === set)?.mazes ?? 0;
  const games = mine.data?.filter((game) => game.set === set) ?? [];
  return (
    <div className="maze-task">
      <form className="fields narrow" onSubmit={(event) => event.preventDefault()}>
        <label>
          {say.which}
          <select value={maze} onChange={(event) => setMaze(Number(event.currentTarget.value))}>
            {Array.from({ length: count }, (_, at) => (
              <option key={at} value={at + 1}>
                {titleOf({ set, maze: at + 1, seed: 0 }, sets.data)}
              </option>
            ))}
          </select>
        </label>
        <div className="buttons">
          <button
            type="button"
            className="primary"
            disabled={begin.isPending || count === 0}
            onClick={() => begin.mutate("manual")}
          >
            <Hand aria-hidden /> {say.manual}
          </button>
          <button type="button" disabled={begin.isPending || count === 0} onClick={() => begin.mutate("lam")}>
            <Bot aria-hidden /> {say.lam}
          </button>
        </div>
        <Problem of={begin.error ?? sets.error ?? mine.error} />
      </form>
      {games.length > 0 && (
        <section aria-label={say.myGames} className="list">
          <h2>{say.myGames}</h2>
          <ul>
            {games.map((game) => (
              <li key={game.id}>
                <button type="button" className="quiet" onClick={() => onGame(game.id)}>
                  <span className="title">{say.game(titleOf(game, sets.data), game.mode === "manual")}</span>{" "}
                  <span className="muted">
                    {stateText(game)}, {format.ago(game.created_at)}
                  </span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function Played({ id, onGame }: Props & { id: number }) {
  const { maze: say } = words;
  const { play, problem } = useGame(id);
  const leave = useCallback(() => onGame(null), [onGame]);
  return (
    <OnwardContext value={onGame}>
      <div className="maze-task">
        <button type="button" className="quiet" onClick={leave}>
          {say.back}
        </button>
        {play !== undefined && <Game play={play} />}
        {play === undefined && problem === null && <p className="muted">{say.loading}</p>}
        <Problem of={problem} />
      </div>
    </OnwardContext>
  );
}
