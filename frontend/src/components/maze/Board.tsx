import { memo, useEffect, useLayoutEffect, useRef, useState, type ReactNode } from "react";

import { exitTile, isKnown, ticks, type Logged, type State } from "../../protocol/maze";
import { fogPath, linePath, middle, SHAPES, wallPath } from "./drawing";
import { Motion } from "./motion";
import { Preview } from "./Preview";

interface Props {
  state: State;
  /** The state before it and what was done then, where they follow each other in time. */
  from: { state: State; action: Logged } | null;
  /** The tile on which the player is at each tick; what lies in the future of the state is not shown. */
  trail: readonly number[];
  preview: Logged | null;
  tickMs: number;
  /** Over the board, such as a speech bubble. */
  children?: ReactNode;
}

/** Half of a tile at the border is nothing but air. */
const MARGIN = 0.2;

/** The maze, sharp at any size. It moves from one state to the next where one follows the other, and jumps otherwise. */
export function Board({ state, from, trail, preview, tickMs }: Props) {
  const [current, setCurrent] = useState(state);
  const [motion] = useState(() => new Motion(setCurrent));
  const player = useRef<SVGGElement>(null);
  const germs = useRef<SVGGElement>(null);
  const last = useRef<State | null>(null);
  const { size } = state.settings;

  useLayoutEffect(() => {
    motion.place(player.current, Array.from(germs.current?.children ?? []));
  });
  useLayoutEffect(() => {
    if (last.current === state) return;
    const follows = from !== null && from.state === last.current && !isStill();
    last.current = state;
    if (follows) motion.pass([...ticks(from.state, from.action).slice(0, -1), state], tickMs);
    else motion.jump(state);
  }, [motion, state, from, tickMs]);
  useEffect(() => {
    return () => {
      motion.stop();
      last.current = null; // React may put the board back as it was
    };
  }, [motion]);

  return (
    <svg
      className="maze-board"
      viewBox={`${MARGIN} ${MARGIN} ${size - 2 * MARGIN} ${size - 2 * MARGIN}`}
      aria-hidden="true"
      focusable="false"
    >
      <Ground state={current} />
      <path className="trail" d={linePath(trail.slice(0, current.tick + 1), size)} />
      <Exit size={size} />
      {preview !== null && current === state && <Preview state={state} action={preview} />}
      <g ref={germs} data-frozen={current.frozen > 0 || undefined} data-slowed={current.slowed > 0 || undefined}>
        {current.germs.map((tile, at) => (
          <g key={at} className="germ" visibility={isKnown(current, tile) ? "visible" : "hidden"}>
            <path d={SHAPES.germ} />
            <circle r={0.1} />
            {current.frozen > 0 && <rect className="held" x={-0.46} y={-0.46} width={0.92} height={0.92} />}
            {current.frozen === 0 && current.slowed > 0 && <circle className="held" r={0.48} />}
          </g>
        ))}
      </g>
      <g ref={player} className="player" data-status={current.status}>
        <circle r={0.36} />
        <circle className="middle" r={0.14} />
      </g>
    </svg>
  );
}

/** Whether motion is unwelcome, or nobody looks. */
function isStill(): boolean {
  return document.visibilityState === "hidden" || matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Walls and fog: drawn anew only where they change. */
const Ground = memo(
  function Ground({ state }: { state: State }) {
    const { size } = state.settings;
    const fog = fogPath(state);
    return (
      <>
        <rect className="floor" width={size} height={size} />
        {fog !== "" && (
          <>
            <pattern id="maze-fog" width={0.5} height={0.5} patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
              <rect width={0.5} height={0.5} className="fog" />
              <rect width={0.14} height={0.5} className="fog-line" />
            </pattern>
            <path d={fog} fill="url(#maze-fog)" />
          </>
        )}
        <path className="walls" d={wallPath(state)} />
      </>
    );
  },
  (before, after) => before.state.grid === after.state.grid && before.state.known === after.state.known,
);

function Exit({ size }: { size: number }) {
  const { x, y } = middle(exitTile(size), size);
  return (
    <g className="exit" transform={`translate(${x} ${y})`}>
      <path d={SHAPES.exit} />
      <path className="middle" d={SHAPES.exitMiddle} />
    </g>
  );
}
