import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { mazeSets, myGames } from "../../api/maze";
import { Problem } from "../../components/Problem";
import { gamePath } from "../../site";
import { words } from "../../words";
import { stateText, titleOf } from "./titles";

/** The games of whoever looks, the newest first. */
export function MyGames() {
  const { maze, format } = words;
  const { data, error } = useQuery(myGames);
  const sets = useQuery(mazeSets).data;
  return (
    <section aria-label={maze.myGames}>
      <h2>{maze.myGames}</h2>
      <Problem of={error} />
      {data?.length === 0 && <p className="muted">{maze.noGames}</p>}
      <div className="list">
        <ul>
          {data?.map((game) => (
            <li key={game.id}>
              <Link href={gamePath(game.id)}>
                <span className="title">{maze.game(titleOf(game, sets), game.mode === "manual")}</span>
                <span className="muted">
                  {stateText(game)}, {format.ago(game.created_at)}
                </span>
              </Link>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}
