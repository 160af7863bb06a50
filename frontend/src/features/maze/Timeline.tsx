import { Pause, Play, SkipForward } from "lucide-react";
import { memo } from "react";

import type { Game, Hint } from "../../api/maze";
import type { MazePlay } from "../../stores/maze-play";
import { words } from "../../words";
import { usePlay } from "./play";
import { actionText } from "../../components/maze/actions";

/** Everything that happened: each state can be seen again, and each hint with its reason. */
export function Timeline({ play }: { play: MazePlay }) {
  const { maze } = words;
  const hints = usePlay(play, (game) => game.hints);
  const isOver = usePlay(play, (game) => game.isOver);
  return (
    <section className="maze-timeline" aria-label={maze.timeline}>
      <header>
        <h2>{maze.timeline}</h2>
        <p className="muted">{hints.length > 0 ? maze.timelineHint : isOver ? maze.noHints : maze.noTimeline}</p>
      </header>
      <Scrubber play={play} />
      {hints.length > 0 && (
        <div className="hints">
          <ol>
            {hints.map((hint) => (
              <Entry key={hint.number} hint={hint} play={play} />
            ))}
          </ol>
        </div>
      )}
    </section>
  );
}

function Scrubber({ play }: { play: MazePlay }) {
  const { maze } = words;
  const at = usePlay(play, (game) => game.at);
  const count = usePlay(play, (game) => game.count);
  const isPast = usePlay(play, (game) => game.isPast);
  const isReplaying = usePlay(play, (game) => game.isReplaying);
  const toEnd = usePlay(play, ({ isOver }) => (isOver ? maze.toEnd : maze.newest));
  if (count === 0) return null;
  return (
    <div className="scrubber">
      <button type="button" onClick={() => (isReplaying ? play.stopReplay() : play.replay())}>
        {isReplaying ? <Pause aria-hidden /> : <Play aria-hidden />}
        {isReplaying ? maze.stopReplay : isPast ? maze.replay : maze.replayAll}
      </button>
      <input
        type="range"
        min={0}
        max={count}
        value={at}
        aria-label={maze.position}
        aria-valuetext={maze.positionText(at, count)}
        onChange={(event) => play.look(Number(event.currentTarget.value))}
      />
      <output>{maze.positionShort(at, count)}</output>
      <button
        type="button"
        className="quiet icon"
        disabled={!isPast}
        aria-label={toEnd}
        title={toEnd}
        onClick={() => play.look(null)}
      >
        <SkipForward aria-hidden />
      </button>
    </div>
  );
}

const Entry = memo(function Entry({ hint, play }: { hint: Hint; play: MazePlay }) {
  const { maze } = words;
  const isInSight = usePlay(play, (game) => game.isPast && game.hintInSight === hint);
  const { number, say, action, first_token_ms, after, error, reading } = hint;
  return (
    <li>
      <button
        type="button"
        aria-current={isInSight ? "step" : undefined}
        onClick={() => {
          play.look(after);
          document.querySelector(".maze-frame")?.scrollIntoView({ block: "nearest" }); // where it lies above the list
        }}
      >
        <span className="number">
          <span className="for-ears">{maze.hintNumber(number)}</span>
          <span aria-hidden>{number}</span>
        </span>
        <span className="reason" dir="auto">
          {say || <span className="muted">{error ?? (reading === "illegal" ? maze.noAction : maze.silent)}</span>}
        </span>
        <span className="figures muted">{first_token_ms === null ? "" : maze.firstTokenShort(first_token_ms)}</span>
        <span className="did">
          {action !== null && <span>{actionText(action)}</span>}
          <Verdict hint={hint} mode={play.game.mode} />
        </span>
      </button>
    </li>
  );
});

/** Whether the answer could be read and done. */
function Verdict({ hint: { status, reading, legal }, mode }: { hint: Hint; mode: Game["mode"] }) {
  const { maze } = words;
  const says = maze.statuses[status];
  if (says !== null) return <span className="verdict muted">{says}</span>;
  const isIllegal = reading === "illegal" || legal === false;
  return (
    <span className={isIllegal ? "verdict problem" : "verdict muted"}>{maze.verdict(reading, legal === true, mode === "lam")}</span>
  );
}
