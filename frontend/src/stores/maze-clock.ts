/** The clock of a manual game: time passes while nobody acts, unless something holds it. Knows no game. */

/** What may hold the clock: the person, a hint on its way, a look at the past, a page out of sight, the end of the game. */
export type Hold = "person" | "hint" | "past" | "hidden" | "end";

export class MazeClock {
  private readonly holds = new Set<Hold>();
  private hasBegun = false;
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(
    private readonly pass: () => void,
    private readonly periodMs: number,
  ) {}

  isHeldBy(hold: Hold): boolean {
    return this.holds.has(hold);
  }

  /** Somebody acted: the first time it begins, from then on a period begins anew. */
  acted(): void {
    this.hasBegun = true;
    this.wind();
  }

  setHeld(hold: Hold, isHeld: boolean): void {
    if (this.holds.has(hold) === isHeld) return;
    if (isHeld) this.holds.add(hold);
    else this.holds.delete(hold);
    this.wind();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private wind(): void {
    this.stop();
    if (this.hasBegun && this.holds.size === 0) this.timer = setInterval(this.pass, this.periodMs);
  }
}
