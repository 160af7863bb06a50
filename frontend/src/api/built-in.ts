/** What comes with the product, in the language of the page. It is found by its id; what people wrote stays as it is. */

import { words } from "../words";
import type { LabSetAnswer, MazeSetAnswer, PresetAnswer } from "./schema";

/** `written`: the prompt as the gateway has it, which a session may have from another language. */
export type Preset = PresetAnswer & { written: string };

export function spokenPresets(presets: readonly PresetAnswer[]): Preset[] {
  return presets.map((preset) => {
    const { title = preset.title, prompt = preset.system_prompt } = words.builtIn.presets[preset.key] ?? {};
    return { ...preset, title, system_prompt: prompt, written: preset.system_prompt };
  });
}

export function spokenMazes(sets: readonly MazeSetAnswer[]): MazeSetAnswer[] {
  return sets.map((set) => ({ ...set, ...words.builtIn.sets[set.name] }));
}

export function spokenSets<S extends NamedSet>(sets: readonly S[]): S[] {
  return sets.map((set) => ({ ...set, title: setTitle(set) }));
}

type NamedSet = Pick<LabSetAnswer, "id" | "builtin" | "title">;

export function setTitle({ id, builtin, title }: NamedSet): string {
  return (builtin && id !== null ? words.builtIn.sets[id]?.title : undefined) ?? title;
}
