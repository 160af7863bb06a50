import { ArrowDown, ArrowLeft, ArrowRight, ArrowUp, Hourglass } from "lucide-react";

import { DIRECTIONS } from "../../protocol/maze";
import type { MazePlay } from "../../stores/maze-play";
import { words } from "../../words";
import { usePlay } from "./play";

const ICONS = { up: ArrowUp, down: ArrowDown, left: ArrowLeft, right: ArrowRight };

/** The arrow keys of those who have none. */
export function Pad({ play }: { play: MazePlay }) {
  const isAiming = usePlay(play, (game) => game.isAiming);
  const { maze } = words;
  return (
    <div className="maze-pad" role="group" aria-label={maze.pad} data-aiming={isAiming || undefined}>
      {DIRECTIONS.map((direction) => {
        const Icon = ICONS[direction];
        const name = (isAiming ? maze.breakTo : maze.move)(maze.directions[direction]);
        return (
          <button
            key={direction}
            type="button"
            className="icon"
            data-direction={direction}
            aria-label={name}
            title={name}
            onClick={() => play.go(direction)}
          >
            <Icon aria-hidden />
          </button>
        );
      })}
      <button
        type="button"
        className="icon"
        data-direction="none"
        aria-label={maze.wait}
        title={maze.wait}
        onClick={() => play.act({ action: "wait" })}
      >
        <Hourglass aria-hidden />
      </button>
    </div>
  );
}
