import { Flag, Lightbulb, Pause, Play, Square } from "lucide-react";
import { useState } from "react";

import { Confirm } from "../../components/Confirm";
import type { MazePlay } from "../../stores/maze-play";
import { words } from "../../words";
import { usePlay } from "./play";
import { POWER_ICONS, POWER_KEYS, powersOf } from "./powers";

/** What somebody who plays can do beside moving. */
export function ManualControls({ play }: { play: MazePlay }) {
  const { maze } = words;
  const state = usePlay(play, ({ log }) => log.now);
  const isAiming = usePlay(play, (game) => game.isAiming);
  const isAsking = usePlay(play, (game) => game.isAsking);
  const isClockStopped = usePlay(play, (game) => game.isClockStopped);
  const wasAsked = usePlay(play, ({ hint }) => hint !== null);
  const [isLeaving, setLeaving] = useState(false);
  return (
    <div className="maze-controls">
      <div className="buttons">
        {isAsking ? (
          <button type="button" onClick={() => void play.stop()}>
            <Square aria-hidden /> {maze.stopHint} <kbd>{ESCAPE}</kbd>
          </button>
        ) : (
          <button type="button" className="primary" onClick={() => play.ask()}>
            <Lightbulb aria-hidden /> {wasAsked ? maze.hintAgain : maze.hint} <kbd>{HINT}</kbd>
          </button>
        )}
      </div>
      <div className="maze-powers" role="group" aria-label={maze.powersLabel}>
        {powersOf(state).map((power) => {
          const Icon = POWER_ICONS[power];
          const left = state.powers[power];
          return (
            <button
              key={power}
              type="button"
              disabled={left === 0}
              aria-pressed={power === "break_wall" ? isAiming : undefined}
              title={maze.powerHints[power]}
              onClick={() => play.use(power)}
            >
              <Icon aria-hidden />
              <span>{maze.powerShort[power]}</span>
              <span className="left">
                {left} <span className="for-ears">{maze.powerLeft}</span>
              </span>
              <kbd>{POWER_KEYS[power].toUpperCase()}</kbd>
            </button>
          );
        })}
      </div>
      <p className="maze-note muted" role="status">
        {isAiming ? maze.aim : ""}
      </p>
      <div className="buttons">
        <button type="button" className="quiet" aria-pressed={isClockStopped} onClick={() => play.setClockStopped(!isClockStopped)}>
          {isClockStopped ? <Play aria-hidden /> : <Pause aria-hidden />} {isClockStopped ? maze.startClock : maze.stopClock}
        </button>
        <button type="button" className="quiet" onClick={() => setLeaving(true)}>
          <Flag aria-hidden /> {maze.giveUp}
        </button>
      </div>
      {isLeaving && <GiveUp play={play} onClose={() => setLeaving(false)} />}
    </div>
  );
}

const ESCAPE = "Esc";
const HINT = "H";

export function GiveUp({ play, onClose }: { play: MazePlay; onClose: () => void }) {
  const { maze } = words;
  return (
    <Confirm
      title={maze.giveUpTitle}
      text={maze.giveUpText}
      does={maze.giveUp}
      onClose={onClose}
      onYes={() => {
        onClose();
        void play.giveUp();
      }}
    />
  );
}
