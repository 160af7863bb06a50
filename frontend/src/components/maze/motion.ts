/** Moves the player and the germs from tile to tile, once a frame, past React: nothing is rendered while they move. */

import type { State } from "../../protocol/maze";
import { middle, type Point } from "./drawing";

/** With so many ticks behind, each takes less time: what is shown must not fall back behind what happens. */
const MOST_BEHIND = 3;

type Piece = Pick<Element, "setAttribute">;

export class Motion {
  private player: Piece | null = null;
  private germs: readonly Piece[] = [];
  private at: State | null = null;
  private readonly queue: State[] = [];
  private began = 0;
  private frame: number | null = null;
  private tickMs = 0;

  constructor(
    /** A tick begins to be seen: walls and fog are those of this state. */
    private readonly onTick: (state: State) => void,
  ) {}

  place(player: Piece | null, germs: readonly Piece[]): void {
    this.player = player;
    this.germs = germs;
    if (this.at !== null) this.draw(this.at, this.at, 1);
  }

  /** Shows the state at once. */
  jump(state: State): void {
    this.stop();
    this.queue.length = 0;
    this.at = state;
    this.draw(state, state, 1);
    this.onTick(state);
  }

  /** Shows these ticks after those that are on their way, each in so much time. */
  pass(ticks: readonly State[], tickMs: number): void {
    this.tickMs = tickMs;
    this.queue.push(...ticks);
    if (this.frame === null && this.queue.length > 0) this.next(performance.now());
  }

  stop(): void {
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    this.frame = null;
  }

  private next(now: number): void {
    const [to] = this.queue;
    if (to === undefined) {
      this.frame = null;
      return;
    }
    this.began = now;
    this.onTick(to);
    this.frame = requestAnimationFrame(this.step);
  }

  private readonly step = (now: number): void => {
    const [to] = this.queue;
    if (to === undefined || this.at === null) return;
    const duration = this.tickMs / Math.max(1, this.queue.length / MOST_BEHIND);
    const share = duration <= 0 ? 1 : Math.min(1, Math.max(0, (now - this.began) / duration));
    this.draw(this.at, to, share);
    if (share < 1) {
      this.frame = requestAnimationFrame(this.step);
    } else {
      this.at = to;
      this.queue.shift();
      this.next(now);
    }
  };

  private draw(from: State, to: State, share: number): void {
    const { size } = to.settings;
    if (this.player) put(this.player, between(middle(from.player, size), middle(to.player, size), share));
    this.germs.forEach((piece, at) => {
      const tile = to.germs[at];
      if (tile !== undefined) put(piece, between(middle(from.germs[at] ?? tile, size), middle(tile, size), share));
    });
  }
}

function between(from: Point, to: Point, share: number): Point {
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

function put(piece: Piece, { x, y }: Point): void {
  piece.setAttribute("transform", `translate(${x.toFixed(3)} ${y.toFixed(3)})`);
}
