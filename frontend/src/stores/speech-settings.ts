/** How replies are read aloud, by session; what a session has not chosen holds for all. Kept in this browser. Knows no React. */

import { keptName } from "../base";
import { Subscribable } from "./subscribable";

/** `voice`: a name that `voices.ts` gives; empty: the best one. `speed`: 1 is the voice's own. */
export interface SpeechSettings {
  auto: boolean;
  speed: number;
  voice: string;
}

const FIRST: SpeechSettings = { auto: false, speed: 1, voice: "" };

export class SpeechChoices extends Subscribable {
  private readonly own = new Map<number | null, Partial<SpeechSettings>>();
  private readonly inForce = new Map<number | null, SpeechSettings>();

  /** What was chosen for a session; null: for all that have not chosen. The same object until it changes. */
  chosen(session: number | null): Partial<SpeechSettings> {
    const known = this.own.get(session) ?? read(session);
    this.own.set(session, known);
    return known;
  }

  /** What holds in a session. The same object until it changes. */
  of(session: number | null): SpeechSettings {
    const known = this.inForce.get(session) ?? { ...FIRST, ...this.chosen(null), ...this.chosen(session) };
    this.inForce.set(session, known);
    return known;
  }

  /** Undefined: back to what holds for all. */
  change(session: number | null, changes: { [Name in keyof SpeechSettings]?: SpeechSettings[Name] | undefined }): void {
    const entries = Object.entries({ ...this.chosen(session), ...changes }).filter(([, value]) => value !== undefined);
    const now = Object.fromEntries(entries) as Partial<SpeechSettings>;
    this.own.set(session, now);
    this.inForce.clear();
    try {
      if (entries.length === 0) localStorage.removeItem(key(session));
      else localStorage.setItem(key(session), JSON.stringify(now));
    } catch {
      // no room: it holds as long as the page
    }
    this.notify();
  }
}

function read(session: number | null): Partial<SpeechSettings> {
  try {
    return JSON.parse(localStorage.getItem(key(session)) ?? "{}") as Partial<SpeechSettings>;
  } catch {
    return {};
  }
}

function key(session: number | null): string {
  return keptName(session === null ? "speech" : `speech-${session}`);
}

export const speechChoices = new SpeechChoices();
