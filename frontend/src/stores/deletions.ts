/** Sessions that are about to be deleted: hidden at once, gone when nobody took it back in time, or when the page is left. */

const GRACE_MS = 8_000;

export class Deletions {
  private readonly waiting = new Map<number, ReturnType<typeof setTimeout>>();
  private readonly listeners = new Set<() => void>();
  private hidden: ReadonlySet<number> = new Set();

  /** `carryOut` deletes one; it must reach the gateway even when the page is left in the same moment. */
  constructor(private readonly carryOut: (session: number) => Promise<void>) {
    globalThis.addEventListener("pagehide", () => this.flush());
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Those that are not to be shown. */
  get = (): ReadonlySet<number> => this.hidden;

  begin(session: number): void {
    this.waiting.set(
      session,
      setTimeout(() => void this.end(session), GRACE_MS),
    );
    this.tell();
  }

  undo(session: number): void {
    clearTimeout(this.waiting.get(session));
    if (this.waiting.delete(session)) this.tell();
  }

  private flush(): void {
    for (const session of this.waiting.keys()) void this.end(session);
  }

  /** It stays hidden until the gateway has answered; where that failed it is there again. */
  private async end(session: number): Promise<void> {
    clearTimeout(this.waiting.get(session));
    try {
      await this.carryOut(session);
    } finally {
      this.waiting.delete(session);
      this.tell();
    }
  }

  private tell(): void {
    this.hidden = new Set(this.waiting.keys());
    for (const listener of this.listeners) listener();
  }
}
