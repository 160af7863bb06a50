/** Short sentences at the edge of the page, some with a way back. Knows no React. */

import { Subscribable } from "./subscribable";

interface Notice {
  id: number;
  text: string;
  /** What the button says, and does. */
  action?: { label: string; run: () => void };
}

const SHOWN_MS = 4_000;
const ACTION_MS = 8_000; // there is something to decide

class Notices extends Subscribable {
  private shown: readonly Notice[] = [];
  private last = 0;

  get = (): readonly Notice[] => this.shown;

  /** Shows it for a while, in place of an earlier one that asked nothing; the number takes it away earlier. */
  show(text: string, action?: Notice["action"]): number {
    const id = ++this.last;
    this.set([...this.shown.filter((notice) => notice.action !== undefined), { id, text, ...(action && { action }) }]);
    setTimeout(() => this.hide(id), action ? ACTION_MS : SHOWN_MS);
    return id;
  }

  hide(id: number): void {
    if (this.shown.some((notice) => notice.id === id)) this.set(this.shown.filter((notice) => notice.id !== id));
  }

  private set(shown: readonly Notice[]): void {
    this.shown = shown;
    this.notify();
  }
}

/** The page's one place for them. */
export const notices = new Notices();
