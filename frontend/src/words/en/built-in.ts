/**
 * What comes with the product, by its id: presets, sets of mazes and of tasks. The gateway says it in English; a language has its own words
 * here, and what they lack is said as the gateway says it. What people wrote is never among it.
 */

/** `prompt`: what the model is told, which whoever chooses it reads and changes. */
export interface PresetWords {
  title: string;
  prompt: string;
}

export interface SetWords {
  title: string;
  description?: string;
}

export const builtIn = {
  presets: {} as Readonly<Record<string, PresetWords>>,
  sets: {} as Readonly<Record<string, SetWords>>,
};
