import { useQuery } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";

import type { Cell, Spec } from "../../api/lab";
import { labSets } from "../../api/queries";
import { Problem } from "../../components/Problem";
import { notices } from "../../stores/notices";
import { words } from "../../words";
import { JudgeFields } from "./JudgeFields";
import { useMakeCase } from "./lab";
import { taskName } from "./names";
import { judgeDraft, readJudge } from "./sets";

/** Makes a case in an own set of what happened in a trial, so that it is tried again from now on. */
export function CaseForm({ run, cell, spec, onDone }: { run: number; cell: Cell; spec: Spec; onDone: () => void }) {
  const isMaze = spec.set.kind === "maze";
  const [set, setSet] = useState("");
  const [name, setName] = useState(() => taskName(spec, cell.task));
  const [judge, setJudge] = useState(() => judgeDraft(spec.set.cases?.[cell.task]?.judge ?? null));
  const [problem, setProblem] = useState<string | null>(null);
  const sets = useQuery(labSets);
  const make = useMakeCase(run, cell.number);
  const say = words.lab.transcript;
  const own = sets.data?.filter(({ builtin, kind, title }) => !builtin && kind === spec.set.kind && title !== say.newSet) ?? [];
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const read = readJudge(judge);
    if ("problem" in read) {
      setProblem(read.problem);
      return;
    }
    make.mutate(
      { ...(set !== "" && { set_id: set }), ...(!isMaze && { name: name.trim(), judge: read.value }) },
      {
        onSuccess: ({ title }) => {
          notices.show(say.made(title));
          onDone();
        },
      },
    );
  };
  return (
    <form className="fields case" onSubmit={submit} noValidate>
      <p className="muted hint">{isMaze ? say.makeMazeHint : say.makeCaseHint}</p>
      <label>
        {say.intoSet}
        <select value={set} onChange={(event) => setSet(event.currentTarget.value)}>
          <option value="">{say.newSet}</option>
          {own.map(({ id, title }) => (
            <option key={id} value={id}>
              {title}
            </option>
          ))}
        </select>
      </label>
      {!isMaze && (
        <>
          <label>
            {words.lab.sets.name}
            <input value={name} maxLength={200} onChange={(event) => setName(event.currentTarget.value)} />
          </label>
          <JudgeFields
            judge={judge}
            onChange={(changed) => {
              setJudge(changed);
              setProblem(null);
            }}
          />
        </>
      )}
      {problem !== null && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <Problem of={make.error} />
      <div className="buttons">
        <button type="submit" className="primary" disabled={make.isPending}>
          {say.make}
        </button>
        <button type="button" onClick={onDone}>
          {words.common.cancel}
        </button>
      </div>
    </form>
  );
}
