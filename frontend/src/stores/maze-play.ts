/**
 * One game as somebody plays, watches or replays it: its log, the clock of manual play, the hints one after the other, and the state in
 * sight, which may lie in the past. Knows no React and draws nothing.
 */

import { act, giveUp, hint as askForHint, replayOf, type Game, type Hint, type LoggedAction, type Replay } from "../api/maze";
import { ApiError } from "../api/http";
import type { Numbered } from "../protocol/events";
import { exitTile, type Action, type Direction, type Logged, type Power, type State } from "../protocol/maze";
import { LiveStream, type Runs } from "./live-stream";
import { MazeClock } from "./maze-clock";
import { LiveHint } from "./maze-hint";
import { GameLog, type LogGateway } from "./maze-log";
import { Subscribable } from "./subscribable";

export const SPEEDS = ["slow", "normal", "fast"] as const;
export type Speed = (typeof SPEEDS)[number];

/** In manual play a tick passes so long after the last action. */
const WAIT_MS = 700;
/** How long a tick takes to be seen, and how long one looks at a state before the next action. */
export const TICK_MS: Record<Speed, number> = { slow: 350, normal: 160, fast: 60 };
/** A step of one's own is seen at once. */
export const MANUAL_TICK_MS = 110;
const LOOK_MS: Record<Speed, number> = { slow: 1200, normal: 350, fast: 0 };

/** How a game reaches the gateway; tests have another one. */
export interface MazeGateway extends LogGateway {
  game: (game: number) => Promise<Replay>;
  hint: (game: number, after: number, signal: AbortSignal) => AsyncIterable<Numbered[]>;
  giveUp: (game: number) => Promise<Game>;
}

const HTTP: MazeGateway = { act, game: replayOf, hint: askForHint, giveUp };

export class MazePlay extends Subscribable {
  readonly log: GameLog;
  hints: readonly Hint[];
  /** The hint on its way, or the last one that came while somebody looked. */
  hint: LiveHint | null = null;
  /** The model plays on by itself. */
  isRunning = false;
  /** The past passes by. */
  isReplaying = false;
  speed: Speed = "normal";
  problem: ApiError | null = null;
  /** The next direction breaks a wall instead of going there. */
  isAiming = false;
  /** Grows with every action that somebody does here. */
  acts = 0;
  /** How many actions there were after the last of them. */
  actedAt = 0;
  /** The last action that was not possible, and `acts` at that time. */
  rejection: { action: Action; at: number } | null = null;

  /** How many actions lie before the state in sight; null: all. */
  private cursor: number | null = null;
  private readonly clock: MazeClock;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private isClosed = false;

  constructor(
    replay: Replay,
    private readonly runs: Runs,
    private readonly gateway: MazeGateway = HTTP,
    waitMs: number = WAIT_MS,
  ) {
    super();
    const { hints, ...game } = replay;
    this.hints = hints;
    this.clock = new MazeClock(() => this.act({ action: "wait" }), waitMs);
    this.log = new GameLog(game, {
      act: (...sent) => gateway.act(...sent),
      game: async (id) => this.heard(await gateway.game(id)),
    });
    this.log.subscribe(() => this.logged());
    this.clock.setHeld("end", this.isOver);
    if (game.mine && game.status === "playing" && game.stream_id !== null)
      this.put(LiveStream.following(game.stream_id, runs), game.actions.length);
    else if (this.isOver && !game.mine) this.cursor = 0;
  }

  static async open(id: number, runs: Runs, gateway: MazeGateway = HTTP): Promise<MazePlay> {
    return new MazePlay(await gateway.game(id), runs, gateway);
  }

  // What there is

  get game(): Game {
    return this.log.game;
  }

  get isManual(): boolean {
    return this.game.mode === "manual";
  }

  get isOver(): boolean {
    return this.game.status !== "playing" || this.log.now.status !== "playing";
  }

  get count(): number {
    return this.log.entries.length;
  }

  /** How many actions lie before the state in sight. */
  get at(): number {
    return Math.min(this.cursor ?? this.count, this.count);
  }

  get isPast(): boolean {
    return this.cursor !== null;
  }

  /** The state in sight. */
  get state(): State {
    return this.log.states[this.at] ?? this.log.now;
  }

  /** What was done to get to the state in sight. */
  get before(): LoggedAction | null {
    return this.log.entries[this.at - 1] ?? null;
  }

  /** The hint that was asked for in the state in sight, if any; of several the newest. */
  get hintInSight(): Hint | null {
    return this.hints.findLast(({ after }) => after === this.at) ?? null;
  }

  get isAsking(): boolean {
    return this.hint !== null && !this.hint.over;
  }

  /** What comes next from the state in sight, as far as anybody has said. */
  get preview(): Logged | null {
    const { hint, at } = this;
    if (this.isPast) return this.hintInSight?.action ?? this.log.entries[at]?.action ?? null;
    if (hint === null || hint.isOvertaken || hint.after !== at || this.isOver) return null;
    return hint.action;
  }

  get isClockStopped(): boolean {
    return this.clock.isHeldBy("person");
  }

  get doesClockWait(): boolean {
    return this.clock.isHeldBy("hint");
  }

  // Playing oneself

  /** Does that in a manual game, unless it is illegal now. */
  act(action: Action): boolean {
    if (!this.isManual || !this.game.mine || this.isOver) return false;
    this.look(null);
    if (!this.log.add(action)) {
      this.rejection = { action, at: this.acts };
      this.notify();
      return false;
    }
    if (action.action !== "wait") {
      this.acts++;
      this.actedAt = this.count;
    }
    this.clock.setHeld("hint", false);
    this.clock.acted();
    this.overtake();
    this.notify();
    return true;
  }

  /** Goes there, or breaks the wall there. */
  go(direction: Direction): void {
    const isAiming = this.isAiming;
    this.isAiming = false;
    this.act({ action: isAiming ? "break_wall" : "move", direction });
  }

  /** Uses a power; to break a wall, a direction must follow. */
  use(power: Power): void {
    if (power !== "break_wall") this.act({ action: power });
    else if (!this.isOver && this.log.now.powers.break_wall > 0) this.setAiming(!this.isAiming);
  }

  setAiming(isAiming: boolean): void {
    this.isAiming = isAiming;
    this.notify();
  }

  /** Takes the advice of the hint in sight. */
  follow(): boolean {
    const { preview } = this;
    return preview !== null && preview.action !== "unreadable" && this.act(preview);
  }

  setClockStopped(isStopped: boolean): void {
    this.clock.setHeld("person", isStopped);
    this.notify();
  }

  setHidden(isHidden: boolean): void {
    this.clock.setHeld("hidden", isHidden);
    if (!this.log.isStored) void this.log.settle(); // the page may not come back
  }

  // Hints

  /** Asks the model what to do now. In manual play time stands still until somebody acts: answers want to be read. */
  ask(): void {
    if (!this.game.mine || this.isOver || this.isAsking) return;
    this.look(null);
    this.problem = null;
    this.clock.setHeld("hint", true);
    const after = this.count;
    const begin = (signal: AbortSignal): AsyncIterable<Numbered[]> => this.gateway.hint(this.game.id, after, signal);
    this.put(
      LiveStream.beginning(begin, this.runs, () => this.log.settle()),
      after,
    );
  }

  /** The model plays on until the end, or until it is paused. */
  run(): void {
    if (this.isManual || this.isOver) return;
    this.isRunning = true;
    this.look(null);
    if (!this.isAsking) this.ask();
    this.notify();
  }

  /** What the model is at is still done. */
  pause(): void {
    this.isRunning = false;
    this.cancelTimer();
    this.notify();
  }

  /** The model stops; nothing is done. */
  async stop(): Promise<void> {
    this.pause();
    if (!this.isAsking) return;
    try {
      await this.hint?.stream.stop();
    } catch (error) {
      this.fail(error);
    }
  }

  async giveUp(): Promise<void> {
    this.pause();
    try {
      await this.log.settle();
      this.log.take(await this.gateway.giveUp(this.game.id));
    } catch (error) {
      this.fail(error);
    }
  }

  setSpeed(speed: Speed): void {
    this.speed = speed;
    this.notify();
  }

  // Looking at the past

  /** Shows the state after so many actions; null: the newest. */
  look(at: number | null): void {
    if (at !== null) this.isRunning = false;
    if (at !== null || this.isReplaying) this.cancelTimer();
    this.isReplaying = false;
    this.place(at);
  }

  /** Shows one state after the other, from the one in sight on, or from the start. */
  replay(): void {
    if (this.count === 0) return;
    this.pause();
    this.isReplaying = true;
    this.place(this.at >= this.count ? 0 : this.at);
    this.pass();
  }

  stopReplay(): void {
    this.look(this.at);
  }

  close(): void {
    this.isClosed = true;
    this.cancelTimer();
    this.clock.stop();
    this.hint?.stream.release();
    this.log.close();
  }

  private place(at: number | null): void {
    this.cursor = at === null || at >= this.count ? null : Math.max(0, at);
    this.clock.setHeld("past", this.cursor !== null);
    this.notify();
  }

  private pass(): void {
    const { speed } = this;
    this.timer = setTimeout(
      () => {
        const next = this.at + 1;
        this.isReplaying = next < this.count;
        this.place(next);
        if (this.isReplaying) this.pass();
      },
      this.lengthOf(this.at) * TICK_MS[speed] + LOOK_MS[speed],
    );
  }

  /** The ticks of the action after so many others. */
  private lengthOf(at: number): number {
    const [state, next] = [this.log.states[at], this.log.states[at + 1]];
    return state === undefined || next === undefined ? 1 : next.tick - state.tick;
  }

  private put(stream: LiveStream, after: number): void {
    this.hint?.stream.release();
    const hint = new LiveHint(stream, after);
    this.hint = hint;
    let isOver = false;
    const look = (): void => {
      if (hint.over && !isOver) {
        isOver = true;
        void this.ended(hint);
      }
      this.notify();
    };
    hint.subscribe(look);
    stream.attach();
    look();
  }

  private async ended(hint: LiveHint): Promise<void> {
    if (hint.problem !== null || hint.isStopped) this.isRunning = false;
    const before = this.count;
    try {
      this.log.take(this.heard(await this.gateway.game(this.game.id)));
    } catch (error) {
      this.fail(error);
      return;
    }
    if (!this.isRunning || this.isOver || this.hint !== hint || this.isClosed) return;
    const length = this.count > before ? this.lengthOf(before) : 1;
    this.timer = setTimeout(() => this.ask(), length * TICK_MS[this.speed] + LOOK_MS[this.speed]);
  }

  private heard({ hints, ...game }: Replay): Game {
    this.hints = hints;
    return game;
  }

  /** The player has moved on: what the model says is about another state. */
  private overtake(): void {
    const { hint } = this;
    if (hint === null || hint.after === this.count) return;
    hint.isOvertaken = true;
    if (!hint.over) hint.stream.stop().catch(() => undefined); // the gateway ends it with the next hint, too
  }

  private logged(): void {
    this.clock.setHeld("end", this.isOver);
    if (this.isOver) this.isRunning = false;
    this.notify();
  }

  private fail(error: unknown): void {
    this.isRunning = false;
    if (!(error instanceof ApiError)) throw error;
    this.problem = error;
    this.notify();
  }

  private cancelTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}

/** Rows and columns to the exit, down and to the right. */
export function wayOut({ player, settings: { size } }: State): { down: number; right: number } {
  const exit = exitTile(size);
  return { down: Math.floor(exit / size) - Math.floor(player / size), right: (exit % size) - (player % size) };
}
