import { useEffect, useMemo, useRef, type ReactNode } from "react";

import type { Direction } from "../../protocol/maze";
import { MANUAL_TICK_MS, TICK_MS, type MazePlay } from "../../stores/maze-play";
import { words } from "../../words";
import { useIsGuest } from "../../components/guest";
import { Board } from "../../components/maze/Board";
import { Bubble } from "./Bubble";
import { trailOf } from "../../components/maze/drawing";
import { Gauges } from "./Gauges";
import { Inside } from "./Inside";
import { InWords } from "./InWords";
import { useKeys, useSwipes, type Keys } from "./keys";
import { LamControls } from "./LamControls";
import { Legend } from "./Legend";
import { ManualControls } from "./ManualControls";
import { Outcome } from "./Outcome";
import { Pad } from "./Pad";
import { useInSight, usePlay } from "./play";
import { Timeline } from "./Timeline";

/** A game: the board; beside it, on narrow screens below it, what the model says and everything that happened. */
export function Game({ play }: { play: MazePlay }) {
  const isPlayer = usePlay(play, ({ isManual, isOver, game }) => isManual && !isOver && game.mine);
  const isGuest = useIsGuest(); // guests may not see what the model was sent
  useInSight(play);
  const keys = useMemo((): Keys => {
    if (!isPlayer) {
      return {
        direction: (direction) => {
          if (direction === "left") play.look(play.at - 1);
          else if (direction === "right") play.look(play.at + 1);
        },
        wait: () => (play.isRunning ? play.pause() : play.run()),
        escape: () => void play.stop(),
      };
    }
    return {
      direction: (direction) => play.go(direction),
      wait: () => play.act({ action: "wait" }),
      enter: () => play.follow(),
      escape: () => (play.isAiming ? play.setAiming(false) : void play.stop()),
    };
  }, [play, isPlayer]);
  useKeys(true, keys);
  return (
    <div className="maze-game">
      <section className="maze-stage" aria-label={words.pages.maze}>
        <Gauges play={play} />
        <Frame play={play} onDirection={isPlayer ? keys.direction : null} />
        <div className="maze-below">
          <Notes play={play} />
          <Legend play={play} />
        </div>
      </section>
      <aside className="maze-side">
        <Outcome play={play} />
        <Bubble play={play} />
        {isPlayer ? (
          <div className="maze-deck">
            <Pad play={play} />
            <ManualControls play={play} />
          </div>
        ) : (
          <LamControls play={play} />
        )}
        <Timeline play={play} />
        <InWords play={play} />
        {!isGuest && <Inside play={play} />}
      </aside>
    </div>
  );
}

/** The board, and where the keys and fingers that move the player belong. */
function Frame({ play, onDirection }: { play: MazePlay; onDirection: ((direction: Direction) => void) | null }) {
  const box = useRef<HTMLDivElement>(null);
  const swipes = useSwipes(onDirection ?? nothing);
  const isPlayer = onDirection !== null;
  useEffect(() => {
    if (isPlayer) box.current?.focus({ preventScroll: true });
  }, [isPlayer]);
  return (
    <div
      ref={box}
      className="maze-frame"
      tabIndex={0}
      role="application"
      aria-label={isPlayer ? words.maze.keysLabel : words.maze.keysLabelLam}
      aria-describedby="maze-in-words"
      data-swipes={isPlayer || undefined}
      {...(isPlayer && swipes)}
    >
      <Moving play={play} />
    </div>
  );
}

function nothing(): void {
  // Nobody plays here.
}

/** Renders again with each state, and with nothing else. */
function Moving({ play }: { play: MazePlay }) {
  const state = usePlay(play, (game) => game.state);
  const at = usePlay(play, (game) => game.at);
  const preview = usePlay(play, (game) => game.preview);
  const speed = usePlay(play, (game) => game.speed);
  const states = usePlay(play, ({ log }) => log.states);
  const { entries } = play.log;
  const trail = useMemo(() => trailOf(states, entries), [states, entries]);
  const [before, entry] = [states[at - 1], entries[at - 1]];
  const from = useMemo(
    () => (before === undefined || entry === undefined ? null : { state: before, action: entry.action }),
    [before, entry],
  );
  const tickMs = play.isManual && !play.isOver ? MANUAL_TICK_MS : TICK_MS[speed];
  return <Board state={state} from={from} trail={trail} preview={preview} tickMs={tickMs} />;
}

/** One line under the board about time and storage; its place is kept where there is nothing to say. */
function Notes({ play }: { play: MazePlay }) {
  const note = usePlay(play, noteOf);
  return <Note>{note}</Note>;
}

function Note({ children }: { children: ReactNode }) {
  return <p className="maze-note muted">{children}</p>;
}

function noteOf(play: MazePlay): string {
  const { maze } = words;
  const { log } = play;
  if (log.problem !== null) return log.isStored ? maze.dropped(log.problem.message) : maze.offline;
  if (play.isManual && log.replacement === play.count) return maze.replaced;
  if (!play.isManual || play.isOver || !play.game.mine) return "";
  if (play.isPast) return maze.paused;
  if (play.doesClockWait) return play.isAsking ? maze.clockWaits : maze.clockWaitsForYou;
  if (play.isClockStopped) return maze.clockStopped;
  return play.acts === 0 ? maze.begins : "";
}
