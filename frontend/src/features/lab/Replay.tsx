import { useMemo, useState } from "react";

import type { Transcript } from "../../api/lab";
import { Board } from "../../components/maze/Board";
import { replay, ticks, type Logged, type Settings, type State } from "../../protocol/maze";
import { words } from "../../words";

const TICK_MS = 150;

/** The game of a trial, answer by answer. Nothing where it was played by other rules: then it would not end as it did. */
export function Replay({ trial: { seed, settings, actions, result } }: { trial: Transcript }) {
  const steps = result?.["steps"];
  const game = useMemo(
    () => (seed === null ? null : played(seed, settings as unknown as Settings, actions as unknown as Logged[])),
    [seed, settings, actions],
  );
  const [at, setAt] = useState(0);
  const place = game && Math.min(at, game.states.length - 1);
  const state = game && place !== null ? game.states[place] : undefined;
  if (!game || place === null || state === undefined) return null;
  if (typeof steps === "number" && game.states.at(-1)?.tick !== steps) return null;
  const before = game.states[place - 1];
  const action = game.log[place - 1];
  return (
    <figure className="lab-replay">
      <Board
        state={state}
        from={before && action ? { state: before, action } : null}
        trail={game.trail}
        preview={null}
        tickMs={TICK_MS}
      />
      <figcaption>
        <label>
          {words.lab.transcript.replay(place, game.log.length)}
          <input
            type="range"
            min={0}
            max={game.log.length}
            value={place}
            onChange={(event) => setAt(Number(event.currentTarget.value))}
          />
        </label>
      </figcaption>
    </figure>
  );
}

interface Played {
  states: readonly State[];
  log: readonly Logged[];
  /** The tile of the player at each tick. */
  trail: readonly number[];
}

function played(seed: number, settings: Settings, log: readonly Logged[]): Played | null {
  try {
    const states = replay(seed, settings, log);
    const [first] = states;
    if (first === undefined) return null;
    const walked = log.flatMap((action, at) => {
      const state = states[at];
      return state === undefined ? [] : ticks(state, action).map(({ player }) => player);
    });
    return { states, log, trail: [first.player, ...walked] };
  } catch {
    return null; // a log that does not fit is no game
  }
}
