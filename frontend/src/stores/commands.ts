/** What can be done from the keyboard, wherever it comes from: the palette lists it, and some of it has a key. */

import { words } from "../words";
import { Subscribable } from "./subscribable";

export interface Command {
  title: string;
  /** Pressed alone, outside of fields. */
  key?: string;
  /** Pressed with Ctrl, also in a field. */
  chord?: string;
  run: () => void;
}

/** The keys of a command as a keyboard names them. */
export function keysOf({ key, chord }: Pick<Command, "key" | "chord">): string | null {
  if (chord !== undefined) return words.palette.chord(chord.toUpperCase());
  return key?.toUpperCase() ?? null;
}

class Commands extends Subscribable {
  private lists: readonly (readonly Command[])[] = [];
  private all: readonly Command[] = [];

  get = (): readonly Command[] => this.all;

  /** Until the function that comes back is called. */
  add(list: readonly Command[]): () => void {
    this.set([list, ...this.lists]);
    return () => this.set(this.lists.filter((other) => other !== list));
  }

  private set(lists: readonly (readonly Command[])[]): void {
    this.lists = lists;
    this.all = lists.flat();
    this.notify();
  }
}

export const commands = new Commands();
