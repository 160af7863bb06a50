/** What the parts of a run are called, by their places in its spec. Pure. */

import type { Spec } from "../../api/lab";
import { words } from "../../words";

interface Place {
  template: number;
  model: number;
  setting: number;
}

/** With its version, where titles alone do not tell the prompts apart. */
export function promptName(spec: Spec, at: number): string {
  const prompt = spec.templates[at];
  if (prompt === undefined) return words.common.unknown;
  const { title, version } = prompt;
  const same = spec.templates.filter((other) => other.title === title);
  if (same.length === 1) return title;
  const isTold = version !== null && same.filter((other) => other.version === version).length === 1;
  return isTold ? words.lab.promptVersion(title, version) : words.lab.promptPlace(title, at + 1);
}

export function modelName(spec: Spec, at: number): string {
  return spec.models[at] ?? words.lab.defaultModel;
}

export function settingName(spec: Spec, at: number): string {
  return spec.settings[at]?.title || words.lab.form.setting(at + 1);
}

/** A row's name: its prompt, and of model and setting what differs between rows. */
export function rowName(spec: Spec, { template, model, setting }: Place): string {
  const parts = [promptName(spec, template)];
  if (spec.models.length > 1) parts.push(modelName(spec, model));
  if (spec.settings.length > 1) parts.push(settingName(spec, setting));
  return parts.join(" · ");
}

export function taskName(spec: Spec, at: number): string {
  const { set } = spec;
  if (set.kind === "maze") return words.lab.maze(at + 1, set.maze?.seeds[at] ?? null);
  return set.cases?.[at]?.name || words.lab.task(at + 1);
}
