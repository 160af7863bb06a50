import { useQuery } from "@tanstack/react-query";
import { useId } from "react";

import { models } from "../../api/queries";
import { words } from "../../words";
import { JUDGES, type JudgeDraft, type JudgeKind } from "./sets";

/** How an answer is judged: the type, what that means with an example, and its fields. */
export function JudgeFields({ judge, onChange }: { judge: JudgeDraft; onChange: (judge: JudgeDraft) => void }) {
  const about = useId();
  const say = words.lab.judges;
  const change = (changes: Partial<JudgeDraft>): void => onChange({ ...judge, ...changes });
  return (
    <div className="fields judge">
      <label>
        {say.judge}
        <select
          value={judge.type}
          aria-describedby={about}
          onChange={(event) => change({ type: event.currentTarget.value as JudgeKind })}
        >
          {JUDGES.map((type) => (
            <option key={type} value={type}>
              {say.types[type].name}
            </option>
          ))}
        </select>
      </label>
      <p className="muted hint" id={about}>
        {say.types[judge.type].hint}
      </p>
      <Fields judge={judge} change={change} />
    </div>
  );
}

interface FieldsProps {
  judge: JudgeDraft;
  change: (changes: Partial<JudgeDraft>) => void;
}

function Fields({ judge, change }: FieldsProps) {
  const say = words.lab.judges;
  switch (judge.type) {
    case "none":
      return null;
    case "contains":
    case "equals":
      return (
        <>
          <label>
            {say.value}
            <textarea
              rows={1}
              value={judge.value}
              placeholder={say.types[judge.type].example}
              onChange={(event) => change({ value: event.currentTarget.value })}
            />
          </label>
          <label className="check">
            <input
              type="checkbox"
              checked={judge.ignoreCase}
              onChange={(event) => change({ ignoreCase: event.currentTarget.checked })}
            />
            {say.ignoreCase}
          </label>
        </>
      );
    case "matches":
      return (
        <label>
          {say.pattern}
          <input
            className="mono"
            value={judge.pattern}
            spellCheck={false}
            placeholder={say.types.matches.example}
            onChange={(event) => change({ pattern: event.currentTarget.value })}
          />
        </label>
      );
    case "json_schema":
      return (
        <label>
          {say.schema}
          <textarea
            className="mono"
            rows={4}
            value={judge.schema}
            spellCheck={false}
            placeholder={say.types.json_schema.example}
            onChange={(event) => change({ schema: event.currentTarget.value })}
          />
        </label>
      );
    case "length":
      return <LengthFields judge={judge} change={change} />;
    case "model":
      return <OpinionFields judge={judge} change={change} />;
  }
}

function LengthFields({ judge, change }: FieldsProps) {
  const say = words.lab.judges;
  return (
    <div className="field-row">
      <label>
        {say.min}
        <input type="number" min={0} value={judge.min} onChange={(event) => change({ min: event.currentTarget.value })} />
      </label>
      <label>
        {say.max}
        <input
          type="number"
          min={0}
          value={judge.max}
          placeholder={say.types.length.example}
          onChange={(event) => change({ max: event.currentTarget.value })}
        />
      </label>
      <label>
        {say.unit}
        <select
          value={judge.unit}
          onChange={(event) => change({ unit: event.currentTarget.value === "words" ? "words" : "characters" })}
        >
          <option value="words">{say.units.words}</option>
          <option value="characters">{say.units.characters}</option>
        </select>
      </label>
    </div>
  );
}

function OpinionFields({ judge, change }: FieldsProps) {
  const known = useQuery(models);
  const say = words.lab.judges;
  return (
    <>
      <label>
        {say.rubric}
        <textarea
          rows={2}
          value={judge.rubric}
          placeholder={say.types.model.example}
          onChange={(event) => change({ rubric: event.currentTarget.value })}
        />
      </label>
      <label>
        {say.model}
        <select value={judge.model} onChange={(event) => change({ model: event.currentTarget.value })}>
          <option value="">{say.sameModel}</option>
          {known.data?.models.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
          {judge.model !== "" && known.data && !known.data.models.some(({ name }) => name === judge.model) && (
            <option value={judge.model}>{words.options.modelUnavailable(judge.model)}</option>
          )}
        </select>
      </label>
    </>
  );
}
