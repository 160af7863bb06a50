import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Fragment, useEffect, useState } from "react";

import type { Cell, Exchange, Spec } from "../../api/lab";
import { refresh } from "../../api/refresh";
import { actionText } from "../../components/maze/actions";
import { Dialog } from "../../components/Dialog";
import { Problem } from "../../components/Problem";
import type { LabView } from "../../stores/lab";
import { figures } from "../../stores/reply-status";
import { actionOf } from "../../protocol/maze";
import { words } from "../../words";
import { CaseForm } from "./CaseForm";
import { transcriptOf, useStopCell } from "./lab";
import { Replay } from "./Replay";
import { modelName } from "./names";
import { outcomeOf, trialName } from "./outcome";

interface Props {
  id: number;
  view: LabView;
  cell: number;
  onClose: () => void;
}

/** One trial: how it went, all that was sent and answered in it, and what can be made of it. */
export function Trial({ id, view, cell: number, onClose }: Props) {
  const { spec } = view.run;
  const cell = view.rows.flatMap(({ cells }) => cells).find((one) => one.number === number);
  const queries = useQueryClient();
  const { data, error } = useQuery(transcriptOf(id, number));
  const [makes, setMakes] = useState(false);
  const stop = useStopCell(id);
  const state = cell && `${cell.status} ${cell.attempts}`;
  useEffect(() => {
    if (state !== undefined) void refresh(queries, transcriptOf(id, number).queryKey); // it went on meanwhile
  }, [state, id, number, queries]);
  if (cell === undefined) return null;
  const say = words.lab.transcript;
  return (
    <Dialog title={trialName(spec, cell)} shape="wide" onClose={onClose}>
      <div className="transcript">
        <Facts cell={cell} spec={spec} />
        <div className="buttons">
          {cell.status === "running" && (
            <button type="button" disabled={stop.isPending} onClick={() => stop.mutate(number)}>
              {say.stop}
            </button>
          )}
          <button type="button" aria-expanded={makes} disabled={data === undefined} onClick={() => setMakes(!makes)}>
            {say.makeCase}
          </button>
        </div>
        {makes && data && <CaseForm run={id} cell={cell} spec={spec} onDone={() => setMakes(false)} />}
        <Problem of={error ?? stop.error} />
        {data?.seed != null && <Replay trial={data} />}
        {data?.transcript.length === 0 && <p className="muted">{say.empty(cell.status)}</p>}
        <ol className="exchanges">
          {data?.transcript.map((exchange, at) => (
            <li key={at}>
              <Said exchange={exchange} number={at + 1} of={data.transcript.length} />
            </li>
          ))}
        </ol>
      </div>
    </Dialog>
  );
}

function Facts({ cell, spec }: { cell: Cell; spec: Spec }) {
  const say = words.lab.transcript;
  const { result } = cell;
  const facts: [name: string, value: string][] = [
    [say.outcome, outcomeOf(spec, cell)],
    [words.options.model, modelName(spec, cell.model)],
  ];
  if (spec.set.kind === "maze" && result?.score !== undefined)
    facts.push([say.game, words.lab.game(result.score, result.illegal ?? 0, result.repaired ?? 0)]);
  if (result?.total_ms != null) facts.push([say.time, words.lab.times(result.first_token_ms ?? null, result.total_ms)]);
  if (result?.completion_tokens != null)
    facts.push([say.tokens, words.lab.tokens(result.prompt_tokens ?? 0, result.completion_tokens)]);
  if (cell.attempts > 1 || cell.given_up > 0) facts.push([say.attempts, words.lab.attempts(cell.attempts, cell.given_up)]);
  return (
    <dl className="lab-facts">
      {facts.map(([name, value]) => (
        <Fragment key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Fragment>
      ))}
    </dl>
  );
}

/** An action in words; one that the rules do not know as it came. */
function actionName(value: unknown): string {
  const action = actionOf(value);
  return action === null ? JSON.stringify(value) : actionText(action);
}

function Said({ exchange, number, of }: { exchange: Exchange; number: number; of: number }) {
  const { purpose, sent, answer, thinking, model, usage, first_token_ms, total_ms, action, legal, reading, say: bubble } = exchange;
  const say = words.lab.transcript;
  return (
    <article className="exchange">
      {purpose === "hint" && <h3>{say.step(number, of)}</h3>}
      {bubble && <p>{words.lab.says(bubble)}</p>}
      {purpose === "hint" && <p className="muted">{say.action(action === null ? null : actionName(action), legal, reading)}</p>}
      <details className="document wide" open={purpose !== "hint" || undefined}>
        <summary>{purpose === "judge" ? say.judge : say.answer}</summary>
        <pre tabIndex={0}>{answer === "" ? say.noAnswer : answer}</pre>
      </details>
      {thinking && (
        <details className="document wide">
          <summary>{words.thread.thoughts}</summary>
          <pre tabIndex={0}>{thinking}</pre>
        </details>
      )}
      <details className="document wide">
        <summary>{say.sent}</summary>
        {sent.map(({ role, content }, at) => (
          <div key={at}>
            <h4>{say.role(role)}</h4>
            <pre tabIndex={0}>{content}</pre>
          </div>
        ))}
      </details>
      <p className="muted">{figures(model, usage, { first_token_ms, total_ms })}</p>
    </article>
  );
}
