/**
 * The actions of one game, here and at the gateway. What somebody does counts here at once and is sent in batches, again where the
 * connection breaks; where the gateway has another log, that one holds. Knows neither React nor hints.
 */

import type { Game, LoggedAction } from "../api/maze";
import { ApiError } from "../api/http";
import { apply, legal, replay, type Action, type State } from "../protocol/maze";
import { passes, pause } from "./retries";
import { Subscribable } from "./subscribable";

/** What is done in quick succession is sent together. */
const GATHER_MS = 250;
const MOST_SENT = 50;

export interface LogGateway {
  act: (game: number, after: number, actions: Action[]) => Promise<Game>;
  game: (game: number) => Promise<Game>;
}

export class GameLog extends Subscribable {
  entries: LoggedAction[];
  /** The states before each action and after the last: one more than there are actions. */
  states: State[];
  /** What the gateway said last. */
  game: Game;
  /** Why actions are not stored, or were dropped. */
  problem: ApiError | null = null;
  /** How many actions there were when another log took the place of this one. */
  replacement: number | null = null;

  /** How many the gateway has. */
  private storedCount: number;
  private sending: Promise<void> | null = null;
  private gathering: ReturnType<typeof setTimeout> | null = null;
  private readonly closing = new AbortController();

  constructor(
    game: Game,
    private readonly gateway: LogGateway,
  ) {
    super();
    this.game = game;
    this.entries = [...game.actions];
    this.states = replay(
      game.seed,
      game.settings,
      game.actions.map(({ action }) => action),
    );
    this.storedCount = game.actions.length;
  }

  get now(): State {
    const state = this.states.at(-1);
    if (state === undefined) throw new Error("a log has a state");
    return state;
  }

  get isStored(): boolean {
    return this.storedCount === this.entries.length;
  }

  /** Does that, unless it is illegal now. */
  add(action: Action): boolean {
    if (!legal(this.now, action) || this.game.status !== "playing") return false;
    this.entries = [...this.entries, { action, legal: true }];
    this.states = [...this.states, apply(this.now, action)];
    if (this.now.status === "playing") this.gathering ??= setTimeout(() => void this.settle(), GATHER_MS);
    else void this.settle();
    this.notify();
    return true;
  }

  /** Sends what is not stored yet; comes back once all of it is, or something else holds. */
  settle(): Promise<void> {
    if (this.gathering !== null) clearTimeout(this.gathering);
    this.gathering = null;
    return (this.sending ??= this.send().finally(() => (this.sending = null)));
  }

  /** What the gateway has now. Actions that it does not know yet stay if they follow its own. */
  take(game: Game): void {
    this.game = game;
    const { length } = game.actions;
    const isAhead = game.status === "playing" && length < this.entries.length && this.sameUntil(game) === length;
    if (isAhead) this.storedCount = length;
    else this.hold(game);
    this.notify();
  }

  /** Nobody looks at it any more: what is left is sent once. */
  close(): void {
    this.closing.abort();
    if (this.gathering !== null) clearTimeout(this.gathering);
    this.gathering = null;
    if (this.sending === null) this.sendRest();
    else void this.sending.finally(() => this.sendRest()); // what is on its way may be stored
  }

  private sendRest(): void {
    if (this.isStored) return;
    const rest = this.entries.slice(this.storedCount).map(({ action }) => action as Action);
    this.gateway.act(this.game.id, this.storedCount, rest).catch(() => undefined); // nobody is here any more to be told
  }

  private async send(): Promise<void> {
    for (let tries = 0; !this.isStored && !this.closing.signal.aborted; ) {
      const after = this.storedCount;
      const batch = this.entries.slice(after, after + MOST_SENT).map(({ action }) => action as Action);
      try {
        const game = await this.gateway.act(this.game.id, after, batch);
        this.problem = null;
        tries = 0;
        this.take(game);
      } catch (error) {
        const problem = asApiError(error);
        if (passes(problem.status)) {
          this.problem = problem;
          this.notify();
          await pause(tries++, this.closing.signal);
        } else if (!(await this.again(problem))) return;
      }
    }
  }

  /** Asks what the gateway has. False: it is not known. */
  private async again(problem: ApiError): Promise<boolean> {
    try {
      const game = await this.gateway.game(this.game.id);
      if (problem.status === 409) {
        this.take(game);
      } else {
        this.problem = problem;
        this.game = game;
        this.hold(game);
        this.notify();
      }
      return true;
    } catch (error) {
      this.problem = asApiError(error);
      this.notify();
      return false;
    }
  }

  /** The log of the gateway takes the place of this one; states that are the same stay the same objects. */
  private hold(game: Game): void {
    const same = this.sameUntil(game);
    if (same < this.entries.length) this.replacement = game.actions.length;
    const states = this.states.slice(0, same + 1);
    for (const { action } of game.actions.slice(same)) states.push(apply(states.at(-1) ?? this.now, action));
    this.entries = [...game.actions];
    this.states = states;
    this.storedCount = game.actions.length;
  }

  /** How many actions are the same here and there, from the first on. */
  private sameUntil({ actions }: Game): number {
    const other = actions.findIndex((entry, at) => !isSame(entry, this.entries[at]));
    return other === -1 ? actions.length : other;
  }
}

function isSame(one: LoggedAction, other: LoggedAction | undefined): boolean {
  return other !== undefined && JSON.stringify(sorted(one.action)) === JSON.stringify(sorted(other.action));
}

function sorted(action: object): unknown {
  return Object.entries(action).sort(([one], [other]) => (one < other ? -1 : 1));
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  throw error;
}
