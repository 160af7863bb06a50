import { Dices } from "lucide-react";
import { useMemo } from "react";

import { generate, LARGEST_SEED } from "../../protocol/maze";
import { MOST_GERMS, randomSeed, settingsOf, SIZES } from "../../stores/maze-choice";
import { words } from "../../words";
import { Board } from "../../components/maze/Board";
import type { ChoiceProps } from "./Setup";

const LOOPS = [0, 5, 10, 15, 20, 30, 50, 100];

/** A seed and what the maze is made of, with a picture of it. */
export function OwnMaze({ choice, change }: ChoiceProps) {
  const { maze } = words;
  return (
    <div className="maze-own">
      <div className="fields">
        <div className="field">
          <label htmlFor="maze-seed">{maze.seed}</label>
          <button
            type="button"
            className="quiet icon"
            aria-label={maze.anotherSeed}
            title={maze.anotherSeed}
            onClick={() => change({ seed: randomSeed() })}
          >
            <Dices aria-hidden />
          </button>
          <input
            id="maze-seed"
            type="number"
            min={0}
            max={LARGEST_SEED}
            step={1}
            required
            value={Number.isNaN(choice.seed) ? "" : choice.seed}
            onChange={(event) => change({ seed: event.currentTarget.valueAsNumber })}
          />
        </div>
        <label>
          {maze.size}
          <select value={choice.size} onChange={(event) => change({ size: Number(event.currentTarget.value) })}>
            {SIZES.map((size) => (
              <option key={size} value={size}>
                {maze.sizeOf(size)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {maze.loops}
          <select value={choice.loops} onChange={(event) => change({ loops: Number(event.currentTarget.value) })}>
            {LOOPS.map((loops) => (
              <option key={loops} value={loops}>
                {maze.loopsOf(loops)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {maze.germs}
          <select value={choice.germs} onChange={(event) => change({ germs: Number(event.currentTarget.value) })}>
            {Array.from({ length: MOST_GERMS + 1 }, (_, germs) => (
              <option key={germs} value={germs}>
                {germs}
              </option>
            ))}
          </select>
        </label>
        <label className="check">
          <input type="checkbox" checked={choice.fog} onChange={(event) => change({ fog: event.currentTarget.checked })} />
          {maze.fog}
        </label>
      </div>
      <Picture choice={choice} />
    </div>
  );
}

function Picture({ choice: { seed, size, loops, germs, fog } }: Pick<ChoiceProps, "choice">) {
  const isSeed = Number.isInteger(seed) && seed >= 0 && seed <= LARGEST_SEED;
  const state = useMemo(
    () => (isSeed ? generate(seed, settingsOf({ size, loops, germs, fog })) : null),
    [isSeed, seed, size, loops, germs, fog],
  );
  if (state === null) return null;
  return (
    <figure className="maze-picture">
      <Board key={size} state={state} from={null} trail={[]} preview={null} tickMs={0} />
      <figcaption className="muted">{words.maze.preview}</figcaption>
    </figure>
  );
}
