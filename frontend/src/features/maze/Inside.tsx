import { useQuery } from "@tanstack/react-query";

import { fullHint, type Hint } from "../../api/maze";
import { Problem } from "../../components/Problem";
import type { MazePlay } from "../../stores/maze-play";
import { words } from "../../words";
import { usePlay } from "./play";

/** What lies behind the hint in sight: the text as the model writes it, and what it was asked. */
export function Inside({ play }: { play: MazePlay }) {
  const { maze } = words;
  const isMine = usePlay(play, ({ game }) => game.mine);
  const hint = usePlay(play, hintOf);
  const isLive = usePlay(play, isShowingLive);
  return (
    <section className="maze-inside" aria-label={maze.inside}>
      <details open>
        <summary>{maze.raw}</summary>
        {isLive ? <LiveText play={play} /> : <Text>{hint?.answer ?? ""}</Text>}
      </details>
      {isMine && (
        <details>
          <summary>{maze.sent}</summary>
          {hint === null ? (
            <p className="muted">{isLive ? maze.sentLater : maze.noSent}</p>
          ) : (
            <Sent game={play.game.id} number={hint.number} />
          )}
        </details>
      )}
    </section>
  );
}

/** The hint that the state in sight is about, once the gateway has it. */
function hintOf(play: MazePlay): Hint | null {
  if (play.isPast) return play.hintInSight;
  const { hint } = play;
  if (hint === null) return play.hints.at(-1) ?? null;
  return play.hints.findLast(({ stream_id }) => stream_id === hint.stream.id) ?? null;
}

function isShowingLive(play: MazePlay): boolean {
  return !play.isPast && play.hint !== null;
}

function LiveText({ play }: { play: MazePlay }) {
  const text = usePlay(play, ({ hint }) => hint?.stream.snapshot.text ?? "");
  const thinking = usePlay(play, ({ hint }) => hint?.stream.snapshot.thinking ?? "");
  return (
    <>
      {thinking !== "" && <Text label={words.maze.thoughts}>{thinking}</Text>}
      <Text>{text}</Text>
    </>
  );
}

/** Its end is in sight while it grows, unless somebody has scrolled away. */
function Text({ children, label = words.maze.raw }: { children: string; label?: string }) {
  if (children === "") return <p className="muted">{words.maze.noRaw}</p>;
  return (
    <pre tabIndex={0} aria-label={label} role="region">
      <span>{children}</span>
    </pre>
  );
}

function Sent({ game, number }: { game: number; number: number }) {
  const { data, error } = useQuery(fullHint(game, number));
  const { roles } = words.maze;
  return (
    <>
      <Problem of={error} />
      {data?.sent.map(({ role, content }, at) => (
        <figure key={at}>
          <figcaption className="muted">{roles[role] ?? role}</figcaption>
          <pre tabIndex={0} aria-label={roles[role] ?? role} role="region">
            {content}
          </pre>
        </figure>
      ))}
    </>
  );
}
