/** What is tried of a template: its sides, and the runs of the lab that they make. Pure. */

import type { NewLabRun } from "../../api/lab";
import { variables, type Variable } from "../../protocol/variables";
import { words } from "../../words";

/** `version` null: the text as it is written, saved or not. `model` null: the default one. */
export interface Side {
  version: number | null;
  model: string | null;
}

/** What is tried: two sides at most, with the same variables and the same message. */
export interface Attempt {
  sides: readonly Side[];
  values: Readonly<Record<string, string>>;
  input: string;
}

export const FRESH: Attempt = { sides: [{ version: null, model: null }], values: {}, input: "" };

/** Texts of a template: as it is written, and by version. */
export interface Texts {
  written: string;
  stored: readonly { version: number; content: string }[];
}

export function textOf({ version }: Side, { written, stored }: Texts): string {
  return version === null ? written : (stored.find((one) => one.version === version)?.content ?? written);
}

/** The variables that the sides use, each once. */
export function asked(sides: readonly Side[], texts: Texts): Variable[] {
  const all = new Map<string, Variable>();
  for (const side of sides) {
    for (const variable of variables(textOf(side, texts))) {
      const known = all.get(variable.name);
      // A value is needed where one side has no default.
      if (known === undefined || variable.default === null)
        all.set(variable.name, { ...variable, description: known?.description ?? variable.description });
    }
  }
  return [...all.values()];
}

/** A run for each side, or what is missing. */
export function readAttempt(title: string, attempt: Attempt, texts: Texts): { runs: NewLabRun[] } | { problem: string } {
  const { sides, values, input } = attempt;
  const say = words.templates.trial;
  if (sides.some((side) => textOf(side, texts).trim() === "")) return { problem: say.noText };
  const all = asked(sides, texts);
  const missing = all.filter((one) => one.default === null && !values[one.name]).map(({ name }) => name);
  if (missing.length > 0) return { problem: say.missing(missing) };
  const chosen = Object.fromEntries(all.flatMap(({ name }) => (values[name] ? [[name, values[name]]] : [])));
  const cases = [{ name: say.case, variables: chosen, input, judge: null }];
  return {
    runs: sides.map((side) => ({
      title: say.title(title),
      set: { title: say.case, maze: null, cases },
      templates: [{ title, content: textOf(side, texts) }],
      models: [side.model],
      attended: true,
    })),
  };
}
