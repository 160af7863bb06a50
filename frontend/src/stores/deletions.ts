/** Sessions that are about to be deleted: hidden at once, gone when nobody took it back in time, or when the page is left. */

import { Subscribable } from "./subscribable";

const GRACE_MS = 8_000;

type CarryOut = () => Promise<void>;

class Deletions extends Subscribable {
  private readonly waiting = new Map<number, { timer: ReturnType<typeof setTimeout>; carryOut: CarryOut }>();
  private hidden: ReadonlySet<number> = new Set();

  constructor() {
    super();
    globalThis.addEventListener("pagehide", () => void this.flush());
  }

  /** Those that are not to be shown. */
  get = (): ReadonlySet<number> => this.hidden;

  /** `carryOut` deletes it, never throws, and must reach the gateway even when the page is left in the same moment. */
  begin(session: number, carryOut: CarryOut): void {
    this.waiting.set(session, { timer: setTimeout(() => void this.end(session), GRACE_MS), carryOut });
    this.tell();
  }

  undo(session: number): void {
    clearTimeout(this.waiting.get(session)?.timer);
    if (this.waiting.delete(session)) this.tell();
  }

  /** Carries all of them out now. */
  async flush(): Promise<void> {
    await Promise.all([...this.waiting.keys()].map((session) => this.end(session)));
  }

  /** It stays hidden until the gateway has answered. */
  private async end(session: number): Promise<void> {
    const found = this.waiting.get(session);
    clearTimeout(found?.timer);
    await found?.carryOut();
    this.waiting.delete(session);
    this.tell();
  }

  private tell(): void {
    this.hidden = new Set(this.waiting.keys());
    this.notify();
  }
}

export const deletions = new Deletions();
