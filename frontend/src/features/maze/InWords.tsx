import type { MazePlay } from "../../stores/maze-play";
import { words } from "../../words";
import { usePlay } from "./play";
import { actionText } from "../../components/maze/actions";
import { arrivalText, exitText, germsText, objectionText, surroundings } from "./sentences";

/** The state in sight as text; and what a screen reader is told by itself, which is little. */
export function InWords({ play }: { play: MazePlay }) {
  return (
    <>
      <details className="maze-in-words">
        <summary>{words.maze.inWords}</summary>
        <Text play={play} />
      </details>
      <p className="for-ears" role="status">
        <Announcement play={play} />
      </p>
    </>
  );
}

function Text({ play }: { play: MazePlay }) {
  const { maze } = words;
  const state = usePlay(play, (game) => game.state);
  const { player, settings, oxygen } = state;
  const { size } = settings;
  return (
    <ul id="maze-in-words">
      <li>{maze.you(Math.floor(player / size), player % size, size)}</li>
      {surroundings(state).map((one) => (
        <li key={one}>{one}</li>
      ))}
      <li>{`${maze.exitAt(size - 2, size - 2)}: ${exitText(state)}.`}</li>
      {settings.germs > 0 && <li>{germsText(state)}</li>}
      <li>{maze.oxygenSaid(oxygen)}</li>
    </ul>
  );
}

/** What just happened: an action of one's own, a hint that has ended, the end of the game. Never each tick or token. */
function Announcement({ play }: { play: MazePlay }) {
  return usePlay(play, announcementOf);
}

function announcementOf(play: MazePlay): string {
  const { maze } = words;
  const { game, hint, isOver, isPast, acts, rejection } = play;
  if (isOver) return game.status === "playing" ? maze.checking : maze.endings[game.status][game.mode];
  if (isPast) return maze.positionText(play.at, play.count);
  if (hint !== null && !hint.isOvertaken && hint.after === play.count) {
    if (!hint.over) return maze.asking;
    if (hint.action !== null) return maze.heard(hint.say, actionText(hint.action));
  }
  if (!play.isManual) return "";
  if (rejection !== null && rejection.at === acts) return maze.bump(objectionText(play.log.now, rejection.action) ?? "");
  return acts === 0 ? "" : arrivalText(play.log.states[play.actedAt] ?? play.log.now);
}
