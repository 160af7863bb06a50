/** What can be done from the keyboard, wherever it comes from: the palette lists it, and some of it has a key. */

export interface Command {
  title: string;
  /** Pressed alone, outside of fields. */
  key?: string;
  run: () => void;
}

class Commands {
  private lists: readonly (readonly Command[])[] = [];
  private all: readonly Command[] = [];
  private readonly listeners = new Set<() => void>();

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  get = (): readonly Command[] => this.all;

  /** Until the function that comes back is called. */
  add(list: readonly Command[]): () => void {
    this.set([list, ...this.lists]);
    return () => this.set(this.lists.filter((other) => other !== list));
  }

  private set(lists: readonly (readonly Command[])[]): void {
    this.lists = lists;
    this.all = lists.flat();
    for (const listener of this.listeners) listener();
  }
}

export const commands = new Commands();
