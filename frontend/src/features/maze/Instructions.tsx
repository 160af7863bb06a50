import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { templates } from "../../api/queries";
import { words } from "../../words";
import type { ChoiceProps } from "./Setup";

const SOURCES = ["none", "template", "own"] as const;

/** What the model is told beside the rules. */
export function Instructions({ choice, change }: ChoiceProps) {
  const { maze } = words;
  return (
    <fieldset className="fields">
      <legend>{maze.instructions}</legend>
      <p className="muted">{maze.instructionsHint}</p>
      <div className="radios">
        {SOURCES.map((source) => (
          <label key={source} className="check">
            <input type="radio" name="source" checked={choice.source === source} onChange={() => change({ source })} />
            {maze.sources[source]}
          </label>
        ))}
      </div>
      {choice.source === "template" && <FromTemplate choice={choice} change={change} />}
      {choice.source === "own" && (
        <textarea
          rows={6}
          maxLength={100_000}
          aria-label={maze.ownPrompt}
          placeholder={maze.ownPromptExample}
          value={choice.prompt}
          onChange={(event) => change({ prompt: event.currentTarget.value })}
        />
      )}
    </fieldset>
  );
}

function FromTemplate({ choice, change }: ChoiceProps) {
  const { maze } = words;
  const { data } = useQuery(templates);
  const template = data?.find(({ id }) => id === choice.template);
  if (data?.length === 0) {
    return (
      <p className="muted">
        {maze.noTemplates} <Link href="/templates/new">{maze.writeTemplate}</Link>
      </p>
    );
  }
  return (
    <>
      <label>
        {maze.template}
        <select
          required
          value={template?.id ?? ""}
          onChange={(event) => change({ template: Number(event.currentTarget.value) || null, variables: {} })}
        >
          <option value="">{maze.chooseTemplate}</option>
          {data?.map(({ id, title, version }) => (
            <option key={id} value={id}>
              {maze.withTemplate(title, version)}
            </option>
          ))}
        </select>
      </label>
      {template?.variables.map(({ name, default: otherwise, description }) => (
        <label key={name}>
          {name}
          <input
            value={choice.variables[name] ?? ""}
            required={otherwise === null}
            placeholder={otherwise ?? description ?? ""}
            onChange={(event) => change({ variables: withVariable(choice.variables, name, event.currentTarget.value) })}
          />
        </label>
      ))}
    </>
  );
}

function withVariable(variables: Readonly<Record<string, string>>, name: string, value: string): Record<string, string> {
  return Object.fromEntries(Object.entries({ ...variables, [name]: value }).filter(([, one]) => one !== ""));
}
