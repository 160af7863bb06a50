import { useQuery } from "@tanstack/react-query";

import { models } from "../../api/queries";
import { words } from "../../words";
import type { ChoiceProps } from "./Setup";

const FORCINGS = ["legal", "shape", "none"] as const;

/** Which model answers, and how far the form of its answer is given. */
export function ModelChoice({ choice, change }: ChoiceProps) {
  const { maze, options } = words;
  const { data } = useQuery(models);
  const isUnavailable = choice.model !== null && data !== undefined && !data.models.some(({ name }) => name === choice.model);
  return (
    <>
      <label>
        {maze.model}
        <select value={choice.model ?? ""} onChange={(event) => change({ model: event.currentTarget.value || null })}>
          <option value="">{options.defaultModel(data?.default ?? null)}</option>
          {data?.models.map(({ name, n_ctx }) => (
            <option key={name} value={name}>
              {options.modelContext(name, n_ctx)}
            </option>
          ))}
          {isUnavailable && <option value={choice.model ?? ""}>{options.modelUnavailable(choice.model ?? "")}</option>}
        </select>
      </label>
      <fieldset className="cards-choice">
        <legend>{maze.forcing}</legend>
        {FORCINGS.map((forcing) => (
          <label key={forcing}>
            <input type="radio" name="forcing" checked={choice.forcing === forcing} onChange={() => change({ forcing })} />
            <span>
              <strong>{maze.forcings[forcing]}</strong>
              <span className="muted">{maze.forcingHints[forcing]}</span>
            </span>
          </label>
        ))}
      </fieldset>
    </>
  );
}
