import type { MazePlay } from "../../stores/maze-play";
import { words } from "../../words";
import { SHAPES } from "../../components/maze/drawing";
import { usePlay } from "./play";

/** What the shapes on the board mean. */
export function Legend({ play }: { play: MazePlay }) {
  const { legend } = words.maze;
  const { germs, fog } = usePlay(play, ({ game }) => game.settings);
  return (
    <ul className="maze-legend muted">
      <li>
        <svg viewBox="-0.5 -0.5 1 1" aria-hidden="true">
          <g className="player">
            <circle r={0.36} />
            <circle className="middle" r={0.14} />
          </g>
        </svg>
        {legend.player}
      </li>
      <li>
        <svg viewBox="-0.5 -0.5 1 1" aria-hidden="true">
          <g className="exit">
            <path d={SHAPES.exit} />
            <path className="middle" d={SHAPES.exitMiddle} />
          </g>
        </svg>
        {legend.exit}
      </li>
      {germs > 0 && (
        <li>
          <svg viewBox="-0.5 -0.5 1 1" aria-hidden="true">
            <path className="germ" d={SHAPES.germ} />
          </svg>
          {legend.germ}
        </li>
      )}
      {fog && (
        <li>
          <svg viewBox="0 0 1 1" aria-hidden="true">
            <rect className="fog" width={1} height={1} />
            <path className="fog-line" d="M0 0.8L0.8 0H1L0 1Z" />
          </svg>
          {legend.fog}
        </li>
      )}
    </ul>
  );
}
