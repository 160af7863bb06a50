import { useState, type SubmitEvent } from "react";
import { Link, useLocation } from "wouter";

import type { LabSet } from "../../api/lab";
import { Confirm } from "../../components/Confirm";
import { Problem } from "../../components/Problem";
import { labPath } from "../../site";
import { Kept } from "../../stores/kept";
import { notices } from "../../stores/notices";
import { words } from "../../words";
import { CaseFields } from "./CaseFields";
import { useDeleteSet, useSaveSet } from "./lab";
import { MazeFields } from "./MazeFields";
import { caseDraft, readSet, setDraft, type SetDraft } from "./sets";

/** What was written of a set and not saved: it is there again when one comes back to it or reloads. */
const unsaved = new Kept<SetDraft>("lab-set");

/** A set of tasks: written, changed, deleted. `set` null: a new one. A built-in one is shown, and can be saved as an own one. */
export function SetForm({ set }: { set: LabSet | null }) {
  const [draft, setState] = useState<SetDraft>(() => unsaved.get(set?.id ?? null) ?? setDraft(set));
  const [problem, setProblem] = useState<string | null>(null);
  const [asks, setAsks] = useState(false);
  const [, navigate] = useLocation();
  const isOwn = set !== null && !set.builtin;
  const save = useSaveSet(isOwn ? set.id : null);
  const remove = useDeleteSet();
  const say = words.lab.sets;
  const change = (changes: Partial<SetDraft>): void => {
    const changed = { ...draft, ...changes };
    unsaved.set(set?.id ?? null, changed);
    setState(changed);
    setProblem(null);
  };
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const read = readSet(draft);
    if ("problem" in read) {
      setProblem(read.problem);
      return;
    }
    save.mutate(read.value, {
      onSuccess: ({ id, title }) => {
        notices.show(say.saved(title));
        const newest = unsaved.get(set?.id ?? null);
        unsaved.delete(set?.id ?? null);
        if (newest !== undefined && newest !== draft) unsaved.set(id, newest); // somebody has written on meanwhile
        navigate(labPath("sets", { set: id }));
      },
    });
  };
  return (
    <form className="fields" onSubmit={submit} noValidate>
      <label>
        {words.templates.title}
        <input value={draft.title} maxLength={200} onChange={(event) => change({ title: event.currentTarget.value })} />
      </label>
      {set === null && (
        <fieldset>
          <legend>{say.kind}</legend>
          {(["cases", "maze"] as const).map((kind) => (
            <label key={kind} className="check">
              <input type="radio" name="kind" checked={draft.kind === kind} onChange={() => change({ kind })} />
              {say.kinds[kind]}
            </label>
          ))}
        </fieldset>
      )}
      {draft.kind === "maze" ? (
        <MazeFields draft={draft} change={change} />
      ) : (
        <>
          {draft.cases.map((one, at) => (
            <CaseFields
              key={one.key}
              one={one}
              number={at + 1}
              onChange={(changed) => change({ cases: draft.cases.map((other) => (other.key === one.key ? changed : other)) })}
              onRemove={
                draft.cases.length > 1 ? () => change({ cases: draft.cases.filter((other) => other.key !== one.key) }) : null
              }
            />
          ))}
          <div className="buttons">
            <button type="button" onClick={() => change({ cases: [...draft.cases, caseDraft()] })}>
              {say.addCase}
            </button>
          </div>
        </>
      )}
      {problem !== null && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <Problem of={save.error ?? remove.error} />
      <div className="buttons">
        <button type="submit" className="primary" disabled={save.isPending}>
          {isOwn ? words.templates.save : set === null ? words.templates.create : say.saveAsOwn}
        </button>
        {set && (
          <Link href={labPath("new", { set: set.id })} className="button">
            {say.use}
          </Link>
        )}
        {isOwn && (
          <button type="button" className="danger" onClick={() => setAsks(true)}>
            {words.common.delete}
          </button>
        )}
      </div>
      {isOwn && asks && (
        <Confirm
          title={words.templates.deleteTitle(set.title)}
          text={say.deleteText}
          does={words.common.delete}
          onClose={() => setAsks(false)}
          onYes={() => {
            const onSuccess = (): void => {
              unsaved.delete(set.id);
              navigate(labPath("sets"));
            };
            remove.mutate(set.id, { onSuccess });
          }}
        />
      )}
    </form>
  );
}
