/** The pictures that somebody looks at, over the page: they stay when what showed them is out of sight. Knows no React. */

import type { Picture } from "../protocol/parts";
import { Subscribable } from "./subscribable";

/** `at`: the one that is looked at first. */
export interface Viewing {
  pictures: readonly Picture[];
  at: number;
}

class ViewingStore extends Subscribable {
  private now: Viewing | null = null;

  get = (): Viewing | null => this.now;

  set(now: Viewing | null): void {
    this.now = now;
    this.notify();
  }
}

export const viewing = new ViewingStore();
