import type { MazePlay } from "../../stores/maze-play";
import { words } from "../../words";
import { usePlay } from "./play";

/** Below this share of the oxygen it is said to be low. */
const LOW = 0.25;

/** Oxygen, ticks, and what holds for a while. */
export function Gauges({ play }: { play: MazePlay }) {
  const { oxygen, tick, shortest, illegal, frozen, slowed } = usePlay(play, ({ state }) => state);
  const most = usePlay(play, ({ log }) => log.states[0]?.oxygen ?? 1);
  const { maze } = words;
  const isLow = oxygen < most * LOW;
  return (
    <div className="maze-gauges">
      <div className="oxygen" data-low={isLow || undefined}>
        <span>{maze.oxygen}</span>
        <meter min={0} max={most} value={oxygen} aria-label={maze.oxygen}>
          {maze.oxygenLeft(oxygen)}
        </meter>
        <strong>{words.format.number(oxygen)}</strong>
        {isLow && <span className="problem">{maze.low}</span>}
      </div>
      <ul>
        <li>{maze.ticks(tick, shortest)}</li>
        {illegal > 0 && <li className="problem">{maze.illegalCount(illegal)}</li>}
        {frozen > 0 && <li>{maze.frozen(frozen)}</li>}
        {slowed > 0 && <li>{maze.slowed(slowed)}</li>}
      </ul>
    </div>
  );
}
