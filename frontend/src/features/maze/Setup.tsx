import { useMutation, useQuery } from "@tanstack/react-query";
import { useSyncExternalStore, type SubmitEvent } from "react";
import { useLocation } from "wouter";

import { mazeSets, newGame, type NewGame } from "../../api/maze";
import { Problem } from "../../components/Problem";
import { gamePath } from "../../site";
import { mazeChoice, newGameOf, type MazeChoice } from "../../stores/maze-choice";
import { words } from "../../words";
import { Instructions } from "./Instructions";
import { ModelChoice } from "./ModelChoice";
import { OwnMaze } from "./OwnMaze";

export interface ChoiceProps {
  choice: MazeChoice;
  change: (changes: Partial<MazeChoice>) => void;
}

const change = (changes: Partial<MazeChoice>): void => mazeChoice.set(changes);

/** What is played, by whom, and with which prompt. It is kept for the next time. */
export function Setup() {
  const choice = useSyncExternalStore(mazeChoice.subscribe, mazeChoice.get);
  const [, navigate] = useLocation();
  const begin = useMutation({ mutationFn: (game: NewGame) => newGame(game), onSuccess: ({ id }) => navigate(gamePath(id)) });
  const { maze } = words;
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    begin.mutate(newGameOf(mazeChoice.get()));
  };
  return (
    <form className="fields maze-setup" onSubmit={submit}>
      <Who choice={choice} change={change} />
      <Where choice={choice} change={change} />
      <Instructions choice={choice} change={change} />
      <details>
        <summary>{maze.more}</summary>
        <div className="fields">
          <ModelChoice choice={choice} change={change} />
        </div>
      </details>
      <Problem of={begin.error} />
      <button type="submit" className="primary" disabled={begin.isPending}>
        {maze.begin}
      </button>
    </form>
  );
}

function Who({ choice, change }: ChoiceProps) {
  const { maze } = words;
  return (
    <fieldset className="cards-choice">
      <legend>{maze.who}</legend>
      {(["manual", "lam"] as const).map((mode) => (
        <label key={mode}>
          <input type="radio" name="mode" checked={choice.mode === mode} onChange={() => change({ mode })} />
          <span>
            <strong>{maze[mode]}</strong>
            <span className="muted">{mode === "lam" ? maze.lamHint : maze.manualHint}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

function Where({ choice, change }: ChoiceProps) {
  const { maze } = words;
  const { data, error } = useQuery(mazeSets);
  const set = data?.find(({ name }) => name === choice.set);
  return (
    <>
      <div className="maze-where">
        <label>
          {maze.where}
          <select
            value={choice.set ?? ""}
            onChange={(event) => change({ set: event.currentTarget.value || null, maze: 1 })}
            aria-describedby="maze-about"
          >
            {data?.map(({ name, title }) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
            <option value="">{maze.ownSeed}</option>
          </select>
        </label>
        {set && (
          <label>
            {maze.number}
            <select value={choice.maze} onChange={(event) => change({ maze: Number(event.currentTarget.value) })}>
              {Array.from({ length: set.mazes }, (_, at) => (
                <option key={at} value={at + 1}>
                  {maze.numberOf(at + 1, set.mazes)}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      <p className="muted" id="maze-about">
        {choice.set === null ? maze.seedHint : set && `${set.description} ${maze.sizeOf(set.settings.size)}.`}
      </p>
      <Problem of={error} />
      {choice.set === null && <OwnMaze choice={choice} change={change} />}
    </>
  );
}
