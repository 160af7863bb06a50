import { Check } from "lucide-react";

import type { Hint } from "../../api/maze";
import type { Logged, State } from "../../protocol/maze";
import type { LiveHint } from "../../stores/maze-hint";
import type { MazePlay } from "../../stores/maze-play";
import { waiting } from "../../stores/reply-status";
import { words } from "../../words";
import { usePlay } from "./play";
import { actionText } from "../../components/maze/actions";
import { objectionText } from "./sentences";

/** What the model says about the state in sight, word by word, and what it would do. */
export function Bubble({ play }: { play: MazePlay }) {
  const past = usePlay(play, (game) => (game.isPast ? game.hintInSight : null));
  const isPast = usePlay(play, (game) => game.isPast);
  const live = usePlay(play, (game) => game.hint);
  const last = usePlay(play, (game) => game.hints.at(-1) ?? null);
  const isOver = usePlay(play, (game) => game.isOver);
  if (isOver && live === null && last === null) return null;
  return (
    <section className="maze-bubble" aria-label={words.maze.says}>
      <div className="bubble">
        {isPast ? (
          past === null ? (
            <p className="muted">{words.maze.noSent}</p>
          ) : (
            <Past hint={past} play={play} />
          )
        ) : live !== null ? (
          <Live hint={live} play={play} />
        ) : last !== null ? (
          <Past hint={last} play={play} />
        ) : (
          <Teach play={play} />
        )}
      </div>
    </section>
  );
}

function Teach({ play }: { play: MazePlay }) {
  return <p className="muted">{play.isManual ? words.maze.teachManual : words.maze.teachLam}</p>;
}

function Live({ hint, play }: { hint: LiveHint; play: MazePlay }) {
  const { maze } = words;
  const say = usePlay(play, () => hint.say);
  const action = usePlay(play, () => hint.action);
  const isOver = usePlay(play, () => hint.over);
  const wait = usePlay(play, () => waiting(hint.stream, null, 0));
  const problem = usePlay(play, () => hint.problem);
  const isStopped = usePlay(play, () => hint.isStopped);
  const isOvertaken = usePlay(play, () => hint.isOvertaken);
  const firstToken = usePlay(play, () => {
    const { terminal } = hint.stream.snapshot;
    return terminal?.type === "done" ? (terminal.timings?.first_token_ms ?? null) : null;
  });
  const canFollow = usePlay(play, (game) => game.isManual && game.preview !== null && !game.isPast);
  const state = play.log.states[hint.after];
  return (
    <>
      {say !== "" && (
        <p className="said" dir="auto" data-running={!isOver || undefined}>
          {say}
        </p>
      )}
      {say === "" && action === null && !isOver && <p className="waiting">{wait ?? maze.writing}</p>}
      {isOver && problem === null && !isStopped && (action === null ? <NoAction /> : say === "" && <Silent />)}
      {action !== null && state !== undefined && (
        <Proposal
          action={action}
          state={state}
          isDone={play.game.mode === "lam" && isOver}
          onFollow={canFollow ? () => play.follow() : null}
        />
      )}
      {problem !== null && (
        <p className="problem" role="alert">
          {maze.failed(problem)}
        </p>
      )}
      {isOvertaken && !play.isOver ? (
        <p className="muted">{maze.overtaken}</p>
      ) : isStopped ? (
        <p className="muted">{maze.stopped}</p>
      ) : (
        firstToken !== null && <p className="figures muted">{maze.firstToken(firstToken)}</p>
      )}
    </>
  );
}

function Past({ hint, play }: { hint: Hint; play: MazePlay }) {
  const { maze } = words;
  const state = play.log.states[hint.after];
  return (
    <>
      {hint.say ? (
        <p className="said" dir="auto">
          {hint.say}
        </p>
      ) : (
        hint.reading !== "illegal" && hint.error === null && <Silent />
      )}
      {hint.reading === "illegal" && <NoAction />}
      {hint.action !== null && state !== undefined && (
        <Proposal action={hint.action} state={state} isDone={play.game.mode === "lam"} onFollow={null} />
      )}
      {hint.error !== null && <p className="problem">{maze.failed(hint.error)}</p>}
      {hint.first_token_ms !== null && <p className="figures muted">{maze.firstToken(hint.first_token_ms)}</p>}
    </>
  );
}

function Silent() {
  return <p className="muted">{words.maze.silent}</p>;
}

function NoAction() {
  return <p className="problem">{words.maze.noAction}</p>;
}

function Proposal({
  action,
  state,
  isDone,
  onFollow,
}: {
  action: Logged;
  state: State;
  isDone: boolean;
  onFollow: (() => void) | null;
}) {
  const { maze } = words;
  const reason = objectionText(state, action);
  return (
    <div className="proposal">
      <span className="muted">{isDone ? maze.did : maze.proposes}</span> <strong>{actionText(action)}</strong>
      {reason !== null && <span className="problem">{maze.bump(reason)}</span>}
      {onFollow !== null && reason === null && (
        <button type="button" title={maze.followHint} onClick={onFollow}>
          <Check aria-hidden /> {maze.follow} <kbd>{ENTER}</kbd>
        </button>
      )}
    </div>
  );
}

const ENTER = "Enter";
