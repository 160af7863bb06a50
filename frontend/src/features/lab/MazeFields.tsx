import { words } from "../../words";
import type { SetDraft } from "./sets";

const DRAWN = 10;

/** What the mazes of a set are like, and which they are. */
export function MazeFields({ draft, change }: { draft: SetDraft; change: (changes: Partial<SetDraft>) => void }) {
  const say = words.lab.sets;
  return (
    <>
      <div className="field-row">
        <label>
          {say.size}
          <input
            type="number"
            min={5}
            max={33}
            step={2}
            value={draft.size}
            onChange={(event) => change({ size: event.currentTarget.value })}
          />
          <span className="muted">{say.sizeHint}</span>
        </label>
        <label>
          {say.loops}
          <input
            type="number"
            min={0}
            max={100}
            value={draft.loops}
            onChange={(event) => change({ loops: event.currentTarget.value })}
          />
          <span className="muted">{say.loopsHint}</span>
        </label>
        <label>
          {say.germs}
          <input
            type="number"
            min={0}
            max={12}
            value={draft.germs}
            onChange={(event) => change({ germs: event.currentTarget.value })}
          />
          <span className="muted">{say.germsHint}</span>
        </label>
      </div>
      <label className="check">
        <input type="checkbox" checked={draft.fog} onChange={(event) => change({ fog: event.currentTarget.checked })} />
        {say.fog}
      </label>
      <label>
        {say.seedNumbers}
        <textarea
          className="mono"
          rows={2}
          value={draft.seeds}
          placeholder={say.seedsHint}
          onChange={(event) => change({ seeds: event.currentTarget.value })}
        />
      </label>
      <div className="buttons">
        <button type="button" onClick={() => change({ seeds: `${draft.seeds} ${drawn().join(" ")}`.trim() })}>
          {say.drawSeeds(DRAWN)}
        </button>
      </div>
    </>
  );
}

function drawn(): number[] {
  return [...crypto.getRandomValues(new Uint32Array(DRAWN))];
}
