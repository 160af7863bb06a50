/** What somebody prefers on this device, kept in the browser. Knows no React. */

import { keptName } from "../base";
import type { Language } from "../words";
import { Subscribable } from "./subscribable";

export const THEMES = ["system", "light", "dark"] as const;
export const DENSITIES = ["comfortable", "compact"] as const;

interface Preferences {
  language: Language;
  theme: (typeof THEMES)[number];
  density: (typeof DENSITIES)[number];
  /** Whether single keys do something (N, O, ?). */
  keys: boolean;
  /** Whether the options stand at the right. */
  options: boolean;
  /** The folders whose sessions are shown in the list. */
  openFolders: readonly number[];
}

const KEY = keptName("preferences");
const FIRST: Preferences = {
  language: "system",
  theme: "system",
  density: "comfortable",
  keys: true,
  options: false,
  openFolders: [],
};

class PreferenceStore extends Subscribable {
  private value: Preferences = read();

  get = (): Preferences => this.value;

  set(changes: Partial<Preferences>): void {
    this.value = { ...read(), ...changes }; // another tab may have changed the rest
    localStorage.setItem(KEY, JSON.stringify(this.value));
    this.apply();
    this.notify();
  }

  /** Shows theme and density; the first time before anything is painted. */
  apply(): void {
    const { theme, density } = this.value;
    Object.assign(document.documentElement.dataset, { theme, density });
  }
}

function read(): Preferences {
  try {
    return { ...FIRST, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Preferences>) };
  } catch {
    return FIRST;
  }
}

export const preferences = new PreferenceStore();
