import type { SubmitEvent } from "react";

import type { VariableAnswer } from "../api/schema";
import { Dialog } from "./Dialog";

interface Props {
  title: string;
  variables: VariableAnswer[];
  values?: Record<string, string>;
  submit: string;
  onDone: (values: Record<string, string>) => void;
  onClose: () => void;
}

/** Asks for the variables of a template. */
export function Variables({ title, variables, values = {}, submit, onDone, onClose }: Props) {
  const done = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const answers: Record<string, string> = {};
    for (const { name } of variables) {
      const value = form.get(name);
      if (typeof value === "string" && value !== "") answers[name] = value;
    }
    onDone(answers);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form className="fields" onSubmit={done}>
        {variables.map(({ name, default: otherwise, description }, at) => (
          <label key={name}>
            {name}
            {description && <span className="muted">{description}</span>}
            <textarea
              name={name}
              rows={1}
              required={otherwise === null}
              placeholder={otherwise ?? ""}
              defaultValue={values[name]}
              autoFocus={at === 0}
            />
          </label>
        ))}
        <button type="submit" className="primary">
          {submit}
        </button>
      </form>
    </Dialog>
  );
}
