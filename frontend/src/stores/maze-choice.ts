/** What somebody chose last for a game in the maze, kept in the browser. Knows no React. */

import { keptName } from "../base";
import type { Game, NewGame } from "../api/maze";
import type { Settings } from "../protocol/maze";
import { Subscribable } from "./subscribable";

export interface MazeChoice {
  mode: "manual" | "lam";
  /** Null: a seed of one's own. */
  set: string | null;
  maze: number;
  seed: number;
  size: number;
  loops: number;
  germs: number;
  fog: boolean;
  /** Where the prompt comes from. */
  source: "none" | "template" | "own";
  template: number | null;
  variables: Record<string, string>;
  prompt: string;
  model: string | null;
  forcing: Game["forcing"];
}

const KEY = keptName("maze-choice");
const FIRST: MazeChoice = {
  mode: "manual",
  set: "practice",
  maze: 1,
  seed: 1,
  size: 15,
  loops: 15,
  germs: 3,
  fog: false,
  source: "none",
  template: null,
  variables: {},
  prompt: "",
  model: null,
  forcing: "legal",
};

class MazeChoiceStore extends Subscribable {
  private value: MazeChoice = read();

  get = (): MazeChoice => this.value;

  set(changes: Partial<MazeChoice>): void {
    this.value = { ...read(), ...changes }; // another tab may have changed the rest
    localStorage.setItem(KEY, JSON.stringify(this.value));
    this.notify();
  }
}

function read(): MazeChoice {
  try {
    return { ...FIRST, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<MazeChoice>) };
  } catch {
    return FIRST;
  }
}

export const mazeChoice = new MazeChoiceStore();

export const SIZES = Array.from({ length: 15 }, (_, at) => 5 + 2 * at);
export const MOST_GERMS = 12;

/** The settings of a maze of one's own; the gateway fills in the rest in the same way. */
export function settingsOf(chosen: Pick<Settings, "size" | "loops" | "germs" | "fog">): Settings {
  return { ...chosen, oxygen: 0 };
}

export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

/** The game that was chosen. */
export function newGameOf(choice: MazeChoice): NewGame {
  const { mode, set, maze, seed, size, loops, germs, fog, source, template, variables, prompt, model, forcing } = choice;
  return {
    mode,
    forcing,
    ...(set === null ? { seed, size, loops, germs, fog } : { set, maze }),
    ...(source === "template" && template !== null && { template_id: template, variables }),
    ...(source === "own" && prompt.trim() !== "" && { prompt }),
    ...(model !== null && { model }),
  };
}

/** The choice that a game was begun with, as far as the game says. */
export function choiceOf(game: Game): Partial<MazeChoice> {
  const { size, loops, germs, fog } = game.settings;
  const source = game.template_id === null ? (game.prompt ? "own" : "none") : "template";
  return {
    mode: game.mode,
    set: game.set,
    ...(game.maze !== null && { maze: game.maze }),
    ...(game.set === null && { seed: game.seed, size, loops, germs, fog }),
    source,
    ...(source === "template" && { template: game.template_id }),
    ...(source === "own" && { prompt: game.prompt ?? "" }),
    model: game.model,
    forcing: game.forcing,
  };
}
