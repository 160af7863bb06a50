import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type KeyboardEvent, type SubmitEvent } from "react";

import { models, templateVersions } from "../../api/queries";
import type { TemplateAnswer } from "../../api/schema";
import { Problem } from "../../components/Problem";
import { Kept } from "../../stores/kept";
import { labRuns } from "../../stores/lab";
import { words } from "../../words";
import { asked, FRESH, readAttempt, textOf, type Attempt, type Side, type Texts } from "./attempt";
import { Diff } from "./Diff";
import { TriedReply } from "./TriedReply";
import { unsaved } from "./unsaved";

/** What was tried of each template, and the runs that it made: there again when one comes back or reloads. */
const kept = new Kept<Tried>("tried");

interface Tried {
  attempt: Attempt;
  /** Each with what was tried in it. */
  runs: readonly { id: number; name: string }[];
}

/** A template is tried right here: variables and a message on the left, the reply on the right; two versions or models side by side. */
export function Try({ template }: { template: TemplateAnswer }) {
  const { id, version: current } = template;
  const draft = unsaved.get(id) ?? template;
  const versions = useQuery(templateVersions(id));
  const [{ attempt, runs }, setKept] = useState<Tried>(() => kept.get(id) ?? { attempt: FRESH, runs: [] });
  const [problem, setProblem] = useState<string | null>(null);
  const texts: Texts = { written: draft.content, stored: versions.data ?? [] };
  const say = words.templates.trial;

  const keep = (state: Tried): void => {
    kept.set(id, state);
    setKept(state);
  };
  const change = (changes: Partial<Attempt>): void => {
    setProblem(null);
    keep({ attempt: { ...attempt, ...changes }, runs });
  };
  const begin = useMutation({
    mutationFn: async () => {
      const read = readAttempt(template.title, attempt, texts);
      if ("problem" in read) {
        setProblem(read.problem);
        return;
      }
      const names = attempt.sides.map(({ version }) =>
        version === null ? say.written(draft.content === template.content, current) : words.templates.version(version),
      );
      const ids = await Promise.all(read.runs.map((run) => labRuns.begin(run)));
      keep({ attempt, runs: ids.map((run, at) => ({ id: run, name: names[at] ?? "" })) });
    },
  });
  const submit = (event?: SubmitEvent<HTMLFormElement>): void => {
    event?.preventDefault();
    begin.mutate();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) begin.mutate();
  };
  const [first, second] = attempt.sides;
  return (
    <div className="try">
      <h2 className="title">{template.title}</h2>
      <form className="fields" onSubmit={submit} onKeyDown={onKeyDown} noValidate>
        {attempt.sides.map((side, at) => (
          <SideFields
            key={at}
            legend={attempt.sides.length > 1 ? say.side(at + 1) : say.prompt}
            side={side}
            isSaved={draft.content === template.content}
            current={current}
            versions={texts.stored.map(({ version }) => version)}
            onChange={(changed) => change({ sides: attempt.sides.map((one, place) => (place === at ? changed : one)) })}
          />
        ))}
        <div className="buttons">
          {second === undefined ? (
            <button type="button" onClick={() => change({ sides: [...attempt.sides, other(attempt.sides, texts, current)] })}>
              {say.compare}
            </button>
          ) : (
            <button type="button" onClick={() => change({ sides: attempt.sides.slice(0, 1) })}>
              {say.remove}
            </button>
          )}
        </div>
        {asked(attempt.sides, texts).map(({ name, default: otherwise, description }) => (
          <label key={name}>
            {name}
            {description && <span className="muted">{description}</span>}
            <textarea
              rows={1}
              value={attempt.values[name] ?? ""}
              placeholder={otherwise ?? say.required}
              onChange={(event) => change({ values: { ...attempt.values, [name]: event.currentTarget.value } })}
            />
          </label>
        ))}
        <label>
          {say.input}
          <textarea
            rows={3}
            value={attempt.input}
            placeholder={say.inputHint}
            onChange={(event) => change({ input: event.currentTarget.value })}
          />
        </label>
        {problem !== null && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        <Problem of={begin.error} />
        <div className="buttons">
          <button type="submit" className="primary" disabled={begin.isPending} title={say.beginHint}>
            {say.begin}
          </button>
        </div>
      </form>
      <div className="tried" data-count={runs.length}>
        {runs.length === 0 && <p className="muted">{say.empty}</p>}
        {runs.map(({ id: run, name }) => (
          <TriedReply key={run} run={run} name={name} />
        ))}
        {first && second && textOf(first, texts) !== textOf(second, texts) && (
          <details className="document wide">
            <summary>{say.difference}</summary>
            <Diff before={textOf(first, texts)} after={textOf(second, texts)} />
          </details>
        )}
      </div>
    </div>
  );
}

/** What is worth comparing with: the version before, or the same again. */
function other([first]: readonly Side[], { stored }: Texts, current: number): Side {
  const earlier = Math.max(0, ...stored.map(({ version }) => version).filter((version) => version < current));
  return { version: earlier === 0 ? null : earlier, model: first?.model ?? null };
}

interface SideProps {
  legend: string;
  side: Side;
  isSaved: boolean;
  current: number;
  versions: readonly number[];
  onChange: (side: Side) => void;
}

function SideFields({ legend, side, isSaved, current, versions, onChange }: SideProps) {
  const known = useQuery(models);
  const say = words.templates.trial;
  return (
    <fieldset className="side-fields">
      <legend>{legend}</legend>
      <select
        aria-label={`${legend}: ${words.templates.prompt}`}
        value={side.version ?? ""}
        onChange={(event) =>
          onChange({ ...side, version: event.currentTarget.value === "" ? null : Number(event.currentTarget.value) })
        }
      >
        <option value="">{say.written(isSaved, current)}</option>
        {[...versions]
          .sort((one, another) => another - one)
          .filter((version) => !isSaved || version !== current)
          .map((version) => (
            <option key={version} value={version}>
              {words.templates.version(version)}
            </option>
          ))}
      </select>
      <select
        aria-label={`${legend}: ${words.options.model}`}
        value={side.model ?? ""}
        onChange={(event) => onChange({ ...side, model: event.currentTarget.value || null })}
      >
        <option value="">{words.options.defaultModel(known.data?.default ?? null)}</option>
        {known.data?.models.map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </fieldset>
  );
}
