import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";

import { leaderboard, mazeSets } from "../../api/maze";
import type { RankedGame } from "../../api/schema";
import { DataTable } from "../../components/DataTable";
import { Problem } from "../../components/Problem";
import { gamePath } from "../../site";
import { words } from "../../words";

const MODES = ["lam", "manual"] as const;

/** The best game of each person, prompt and maze of a set. */
export function Leaderboard({ first }: { first: string }) {
  const { maze } = words;
  const sets = useQuery(mazeSets).data ?? [];
  const [chosen, choose] = useState<string | null>(null);
  const [mode, setMode] = useState<(typeof MODES)[number]>("lam");
  const set = chosen ?? first;
  const { data, error } = useQuery(leaderboard(set, mode));
  const title = sets.find(({ name }) => name === set)?.title ?? set;
  return (
    <section aria-label={maze.boards}>
      <div className="maze-board-choice">
        <h2>{maze.boards}</h2>
        <label className="inline">
          <span className="muted">{maze.boardOf}</span>
          <select value={set} onChange={(event) => choose(event.currentTarget.value)}>
            {sets.map(({ name, title: one }) => (
              <option key={name} value={name}>
                {one}
              </option>
            ))}
          </select>
        </label>
        <label className="inline">
          <span className="muted">{maze.who}</span>
          <select value={mode} onChange={(event) => setMode(event.currentTarget.value === "lam" ? "lam" : "manual")}>
            {MODES.map((one) => (
              <option key={one} value={one}>
                {maze.boardModes[one]}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Problem of={error} />
      {data?.length === 0 && <p className="muted">{maze.noBoard[mode]}</p>}
      {data && data.length > 0 && <Rows title={maze.board(title)} rows={data} mode={mode} />}
      {mode === "manual" && <p className="muted">{maze.proof}</p>}
    </section>
  );
}

function Rows({ title, rows, mode }: { title: string; rows: readonly RankedGame[]; mode: "lam" | "manual" }) {
  const { maze, format } = words;
  const isLam = mode === "lam";
  return (
    <DataTable
      title={title}
      heads={isLam ? maze.boardHeads : maze.manualHeads}
      numbers={isLam ? [0, 1, 4, 5, 6, 7, 8] : [0, 1, 3, 4, 5]}
      named={2}
      rows={rows.map((row) => ({
        key: row.game_id,
        cells: [
          format.number(row.rank),
          format.number(row.maze),
          <Link key="" href={gamePath(row.game_id)} aria-label={maze.watchOf(row.name, row.maze)} title={maze.watch}>
            {row.name}
          </Link>,
          ...(isLam ? [<Prompt key="" row={row} />] : []),
          format.number(row.score),
          maze.ratio(row.steps, row.shortest),
          ...(isLam ? [format.number(row.illegal), format.number(row.tokens)] : []),
          maze.secondsOf(row.seconds),
        ],
      }))}
    />
  );
}

function Prompt({ row }: { row: RankedGame }) {
  if (row.template_id === null) return <span className="muted">{words.maze.noPrompt}</span>;
  if (row.template_title === null) return <span className="muted">{words.maze.privatePrompt}</span>;
  return <Link href={`/templates/${row.template_id}`}>{row.template_title}</Link>;
}
