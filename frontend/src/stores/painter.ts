/**
 * One frame for everybody who has something to draw. What changes in many places at other moments costs as much in each frame as all of it
 * does in one, since a browser paints what lies between: so they are drawn together, some times a second. Knows nothing of what is drawn.
 */

/** As often as a model at a good pace says something new. */
const BETWEEN_MS = 60;

export class Painter {
  private readonly due = new Set<() => void>();
  private isAsked = false;
  private drawnAt = -BETWEEN_MS;

  /** Draws with one of the next frames, once, however often it is asked until then. */
  ask(draw: () => void): void {
    this.due.add(draw);
    if (this.isAsked) return;
    this.isAsked = true;
    const rest = this.drawnAt + BETWEEN_MS - performance.now();
    if (rest > 0) setTimeout(() => this.frame(), rest);
    else this.frame();
  }

  forget(draw: () => void): void {
    this.due.delete(draw);
  }

  private frame(): void {
    requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.isAsked = false;
    this.drawnAt = performance.now();
    const all = [...this.due];
    this.due.clear();
    for (const one of all) one();
  }
}

export const painter = new Painter();
