import { X } from "lucide-react";

import { words } from "../../words";
import { newKey } from "./form";
import { JudgeFields } from "./JudgeFields";
import type { CaseDraft } from "./sets";

interface Props {
  one: CaseDraft;
  number: number;
  onChange: (one: CaseDraft) => void;
  onRemove: (() => void) | null;
}

/** One case of a set: its variables, what is said, and how the answer is judged. */
export function CaseFields({ one, number, onChange, onRemove }: Props) {
  const say = words.lab.sets;
  const change = (changes: Partial<CaseDraft>): void => onChange({ ...one, ...changes });
  const setVariable = (key: number, changes: { name?: string; value?: string }): void =>
    change({ variables: one.variables.map((variable) => (variable.key === key ? { ...variable, ...changes } : variable)) });
  return (
    <section className="case fields" aria-label={say.case(number)}>
      <header>
        <h3>{say.case(number)}</h3>
        {onRemove && (
          <button
            type="button"
            className="quiet icon"
            aria-label={say.removeCase(number)}
            title={say.removeCase(number)}
            onClick={onRemove}
          >
            <X aria-hidden />
          </button>
        )}
      </header>
      <label>
        {say.name}
        <input
          value={one.name}
          maxLength={200}
          placeholder={words.lab.task(number)}
          onChange={(event) => change({ name: event.currentTarget.value })}
        />
      </label>
      <label>
        {say.input}
        <textarea
          rows={2}
          value={one.input}
          placeholder={say.inputHint}
          onChange={(event) => change({ input: event.currentTarget.value })}
        />
      </label>
      {one.variables.map(({ key, name, value }, at) => (
        <div key={key} className="row">
          <input
            className="mono"
            aria-label={say.variableName(at + 1)}
            placeholder={say.variableName(at + 1)}
            maxLength={64}
            value={name}
            onChange={(event) => setVariable(key, { name: event.currentTarget.value })}
          />
          <input
            aria-label={say.variableValue(at + 1)}
            placeholder={say.variableValue(at + 1)}
            value={value}
            onChange={(event) => setVariable(key, { value: event.currentTarget.value })}
          />
          <button
            type="button"
            className="quiet icon"
            aria-label={say.removeVariable(at + 1)}
            title={say.removeVariable(at + 1)}
            onClick={() => change({ variables: one.variables.filter((variable) => variable.key !== key) })}
          >
            <X aria-hidden />
          </button>
        </div>
      ))}
      <div className="buttons">
        <button type="button" onClick={() => change({ variables: [...one.variables, { key: newKey(), name: "", value: "" }] })}>
          {say.addVariable}
        </button>
      </div>
      <JudgeFields judge={one.judge} onChange={(judge) => change({ judge })} />
    </section>
  );
}
