import { useQuery } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { Link, useLocation } from "wouter";

import { labSets, models } from "../../api/queries";
import { Problem } from "../../components/Problem";
import { labPath } from "../../site";
import { Kept } from "../../stores/kept";
import { words } from "../../words";
import { emptyDraft, FORCINGS, MOST_MODELS, MOST_REPEATS, readRun, taskCount, trialCount, type RunDraft } from "./form";
import { useBegin } from "./lab";
import { Prompts } from "./Prompts";
import { SettingRows } from "./SettingRows";

/** What was chosen and not begun: it is there again when one comes back to it or reloads. */
const kept = new Kept<RunDraft>("lab-run");

/** The next form begins with this. */
export function prefill(draft: RunDraft): void {
  kept.set(null, draft);
}

/** A run that is to begin: which prompts, models and settings are tried on which tasks. `set`: the one that was asked for. */
export function LabForm({ set: wanted }: { set: string | null }) {
  const [draft, setDraft] = useState<RunDraft>(() => ({
    ...(kept.get(null) ?? emptyDraft()),
    ...(wanted !== null && { set: wanted }),
  }));
  const [problem, setProblem] = useState<string | null>(null);
  const [, navigate] = useLocation();
  const sets = useQuery(labSets);
  const begin = useBegin();
  const set = sets.data?.find(({ id }) => id === draft.set);
  const say = words.lab.form;

  const change = (changes: Partial<RunDraft>): void => {
    const changed = { ...draft, ...changes };
    kept.set(null, changed);
    setDraft(changed);
    setProblem(null);
  };
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const request = readRun(draft, sets.data ?? []);
    if ("problem" in request) {
      setProblem(request.problem);
      return;
    }
    begin.mutate(request.run, {
      onSuccess: (id) => {
        kept.delete(null);
        navigate(labPath(id));
      },
    });
  };
  const trials = trialCount(draft, set);
  return (
    <form className="fields lab-form" onSubmit={submit} noValidate>
      <Prompts chosen={draft.prompts} onChange={(prompts) => change({ prompts })} />
      <fieldset>
        <legend>{say.tasks}</legend>
        <div className="buttons">
          <select
            aria-label={say.set}
            value={draft.set ?? ""}
            onChange={(event) => change({ set: event.currentTarget.value || null })}
          >
            <option value="">{say.chooseSet}</option>
            {[true, false].map((builtin) => (
              <optgroup key={String(builtin)} label={builtin ? words.lab.sets.builtin : words.lab.sets.own}>
                {sets.data
                  ?.filter((one) => one.builtin === builtin)
                  .map(({ id, title }) => (
                    <option key={id} value={id}>
                      {title}
                    </option>
                  ))}
              </optgroup>
            ))}
          </select>
          <Link href={labPath("sets")}>{say.ownSets}</Link>
        </div>
        <p className="muted hint">{set === undefined ? say.setHint : words.lab.sets.about(set, taskCount(set))}</p>
      </fieldset>
      <ModelChoice chosen={draft.models} onChange={(chosen) => change({ models: chosen })} />
      <details className="more">
        <summary>{say.more}</summary>
        <div className="fields">
          <SettingRows rows={draft.settings} onChange={(settings) => change({ settings })} />
          <div className="field-row">
            <label>
              {say.repeats}
              <input
                type="number"
                min={1}
                max={MOST_REPEATS}
                value={draft.repeats}
                onChange={(event) => change({ repeats: event.currentTarget.value })}
              />
              <span className="muted">{say.repeatsHint}</span>
            </label>
            {set?.kind === "maze" && (
              <label>
                {say.steps}
                <input
                  type="number"
                  min={1}
                  max={1000}
                  value={draft.steps}
                  onChange={(event) => change({ steps: event.currentTarget.value })}
                />
                <span className="muted">{say.stepsHint}</span>
              </label>
            )}
          </div>
          {set?.kind === "maze" && (
            <fieldset>
              <legend>{say.forcing}</legend>
              {FORCINGS.map((forcing) => (
                <label key={forcing} className="check">
                  <input type="radio" name="forcing" checked={draft.forcing === forcing} onChange={() => change({ forcing })} />
                  {say.forcings[forcing]}
                </label>
              ))}
            </fieldset>
          )}
          <label>
            {say.title}
            <input
              value={draft.title}
              maxLength={200}
              placeholder={say.titleHint}
              onChange={(event) => change({ title: event.currentTarget.value })}
            />
          </label>
        </div>
      </details>
      <div className="begin">
        <output>
          {trials === null || set === undefined
            ? ""
            : say.trials({
                prompts: draft.prompts.length,
                models: draft.models.length,
                settings: draft.settings.length,
                tasks: taskCount(set),
                repeats: Number(draft.repeats),
                trials,
              })}
        </output>
        {problem !== null && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        <Problem of={begin.error ?? sets.error} />
        <button type="submit" className="primary" disabled={begin.isPending}>
          {say.begin}
        </button>
      </div>
    </form>
  );
}

function ModelChoice({ chosen, onChange }: { chosen: RunDraft["models"]; onChange: (chosen: RunDraft["models"]) => void }) {
  const known = useQuery(models);
  const names = known.data?.models.map(({ name }) => name) ?? [];
  const standard = known.data?.default ?? null;
  const missing = chosen.filter((name): name is string => name !== null && !names.includes(name));
  return (
    <fieldset>
      <legend>{words.lab.form.models}</legend>
      <div className="checks">
        {[null, ...names.filter((name) => name !== standard), ...(known.data ? missing : [])].map((name) => {
          const isChosen = chosen.includes(name) || (name === null && standard !== null && chosen.includes(standard));
          return (
            <label key={name ?? ""} className="check">
              <input
                type="checkbox"
                checked={isChosen}
                disabled={!isChosen && chosen.length >= MOST_MODELS}
                onChange={() =>
                  onChange(
                    isChosen ? chosen.filter((one) => one !== name && (name !== null || one !== standard)) : [...chosen, name],
                  )
                }
              />
              {name === null
                ? words.options.defaultModel(standard)
                : missing.includes(name)
                  ? words.options.modelUnavailable(name)
                  : name}
            </label>
          );
        })}
      </div>
    </fieldset>
  );
}
