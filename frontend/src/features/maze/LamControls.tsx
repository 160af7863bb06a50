import { Flag, Pause, Play, Square, StepForward } from "lucide-react";
import { useState } from "react";

import { SPEEDS, type MazePlay, type Speed } from "../../stores/maze-play";
import { words } from "../../words";
import { GiveUp } from "./ManualControls";
import { usePlay } from "./play";

/** Lets the model play, pauses it, or replays what happened. */
export function LamControls({ play }: { play: MazePlay }) {
  const { maze } = words;
  const [isLeaving, setLeaving] = useState(false);
  const isPlaying = usePlay(play, ({ isOver, game, isManual }) => !isOver && game.mine && !isManual);
  const isRunning = usePlay(play, (game) => game.isRunning);
  const isAsking = usePlay(play, (game) => game.isAsking);
  const hasBegun = usePlay(play, ({ count }) => count > 0);
  return (
    <div className="maze-controls">
      {isPlaying && (
        <div className="buttons">
          {isRunning ? (
            <button type="button" className="primary" onClick={() => play.pause()}>
              <Pause aria-hidden /> {maze.pause}
            </button>
          ) : (
            <button type="button" className="primary" onClick={() => play.run()}>
              <Play aria-hidden /> {hasBegun ? maze.runOn : maze.run}
            </button>
          )}
          <button type="button" disabled={isRunning || isAsking} onClick={() => play.ask()}>
            <StepForward aria-hidden /> {maze.step}
          </button>
          <button type="button" disabled={!isAsking} onClick={() => void play.stop()}>
            <Square aria-hidden /> {maze.stop}
          </button>
        </div>
      )}
      <div className="buttons">
        <SpeedChoice play={play} />
        {isPlaying && (
          <button type="button" className="quiet" onClick={() => setLeaving(true)}>
            <Flag aria-hidden /> {maze.giveUp}
          </button>
        )}
      </div>
      {isLeaving && <GiveUp play={play} onClose={() => setLeaving(false)} />}
    </div>
  );
}

function SpeedChoice({ play }: { play: MazePlay }) {
  const { maze } = words;
  const speed = usePlay(play, (game) => game.speed);
  return (
    <label className="inline">
      <span className="muted">{maze.speed}</span>
      <select value={speed} onChange={(event) => play.setSpeed(event.currentTarget.value as Speed)}>
        {SPEEDS.map((one) => (
          <option key={one} value={one}>
            {maze.speeds[one]}
          </option>
        ))}
      </select>
    </label>
  );
}
