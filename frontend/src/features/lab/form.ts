/** What somebody has chosen for a run, and the request that it makes. Pure. */

import type { LabSet, NewLabRun, NewSet, PromptChoice, Setting, Spec } from "../../api/lab";
import { words } from "../../words";

export const MOST_PROMPTS = 8;
export const MOST_MODELS = 8;
export const MOST_SETTINGS = 8;
export const MOST_TRIALS = 2_000;
export const MOST_REPEATS = 20;
export const FORCINGS = ["legal", "shape", "none"] as const;

/** `template` null: a text of its own. `version` null: the newest. */
export interface PromptDraft {
  key: number;
  template: number | null;
  version: number | null;
  title: string;
  content: string;
}

export interface SettingDraft {
  key: number;
  setting: Setting;
}

/** Numbers are kept as they are typed. */
export interface RunDraft {
  title: string;
  prompts: readonly PromptDraft[];
  /** Null: the default one. */
  models: readonly (string | null)[];
  settings: readonly SettingDraft[];
  set: string | null;
  repeats: string;
  forcing: Spec["forcing"];
  steps: string;
}

let keys = Date.now(); // above those of rows that were kept over a reload

/** A number that no other row has. */
export function newKey(): number {
  return ++keys;
}

export function emptyPrompt(template: number | null = null): PromptDraft {
  return { key: newKey(), template, version: null, title: "", content: "" };
}

export function emptyDraft(): RunDraft {
  return {
    title: "",
    prompts: [],
    models: [null],
    settings: [{ key: newKey(), setting: {} }],
    set: null,
    repeats: "1",
    forcing: "shape",
    steps: "200",
  };
}

/** The same again: what a run was begun with. Its texts stay what they were, whatever has become of their templates. */
export function draftOf(title: string, spec: Spec): RunDraft {
  return {
    title,
    prompts: spec.templates.map(({ template_id, version, title: name, content }) => ({
      key: newKey(),
      template: template_id,
      version,
      title: name,
      content,
    })),
    models: spec.models,
    settings: spec.settings.map(({ title: called, chosen }) => ({ key: newKey(), setting: { ...chosen, title: called } })),
    set: spec.set.id,
    repeats: String(spec.repeats),
    forcing: spec.forcing,
    steps: String(spec.steps),
  };
}

export function taskCount({ maze, cases }: Pick<NewSet, "maze" | "cases">): number {
  return maze?.seeds.length ?? cases?.length ?? 0;
}

/** How many trials it makes; null while that is not known. */
export function trialCount({ prompts, models, settings, repeats }: RunDraft, set: NewSet | undefined): number | null {
  const times = whole(repeats, 1, MOST_REPEATS);
  if (set === undefined || times === null) return null;
  return prompts.length * models.length * settings.length * taskCount(set) * times;
}

/** The request, or what is missing in one sentence. */
export function readRun(draft: RunDraft, sets: readonly LabSet[]): { run: NewLabRun } | { problem: string } {
  const { title, prompts, models, settings, forcing } = draft;
  const say = words.lab.form.problems;
  if (prompts.length === 0) return { problem: say.noPrompt };
  if (prompts.some(({ template, content }) => template === null && content.trim() === "")) return { problem: say.emptyPrompt };
  if (models.length === 0) return { problem: say.noModel };
  const set = sets.find(({ id }) => id === draft.set);
  if (set === undefined) return { problem: say.noSet };
  if (taskCount(set) === 0) return { problem: say.emptySet };
  const repeats = whole(draft.repeats, 1, MOST_REPEATS);
  if (repeats === null) return { problem: say.repeats(MOST_REPEATS) };
  const steps = whole(draft.steps, 1, 1_000);
  if (steps === null && set.kind === "maze") return { problem: say.steps };
  const trials = trialCount(draft, set) ?? 0;
  if (trials > MOST_TRIALS) return { problem: say.tooMany(trials, MOST_TRIALS) };
  return {
    run: {
      ...(title.trim() !== "" && { title: title.trim() }),
      set_id: set.id,
      templates: prompts.map(promptChoice),
      models: [...models],
      settings: settings.map(({ setting: { title: called, ...chosen } }) => ({ ...(called && { title: called }), ...chosen })),
      repeats,
      ...(set.kind === "maze" && { forcing, steps: steps ?? 200 }),
    },
  };
}

function promptChoice({ template, version, title, content }: PromptDraft, at: number): PromptChoice {
  if (template === null) return { title: title.trim() || words.lab.form.ownTitle(at + 1), content };
  return { template_id: template, ...(version !== null && { version }) };
}

/** A whole number in these bounds, as somebody types it; else null. */
export function whole(text: string, min: number, max: number): number | null {
  if (!/^\s*\d{1,9}\s*$/.test(text)) return null;
  const value = Number(text);
  return value >= min && value <= max ? value : null;
}
