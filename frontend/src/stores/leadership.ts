/**
 * Which tab of a browser leads. The tab that holds a Web Lock does: the lock falls to another when that tab goes. Browsers have no
 * locks on plain HTTP, which is what a lab has: there tabs ask one another by a BroadcastChannel, and the one that nobody answers leads.
 */

import { keptName } from "../base";

/** How the tabs talk; `leads`: the answer to `asks`, and what a new leader says unasked. */
export type Claim = { about: "asks"; tab: string } | { about: "leads"; tab: string } | { about: "leaves"; tab: string };

export interface Timings {
  /** Between two questions of a tab that does not lead. */
  askMs: number;
  /** A leader that has not answered for so long is frozen, or gone. */
  patienceMs: number;
  /** The same where no leader is known and no lock shows whether there is one. */
  firstMs: number;
}

export class Leadership {
  leads = false;
  /** The leader, as far as it is known. */
  leader: string | null = null;
  private heardAt = 0;
  private askedAt: number | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private release: () => void = () => undefined;
  private waiting: AbortController | null = null;
  private running = false;

  constructor(
    readonly tab: string,
    private readonly say: (claim: Claim) => void,
    private readonly changed: () => void,
    /** Whether somebody looks at this tab: the timers of others are slow, and must not take anything over. */
    private readonly isSeen: () => boolean,
    private readonly timings: Timings,
    private readonly locks: LockManager | undefined,
    /** False where tabs cannot talk: then each leads itself. */
    private readonly hasOthers: boolean,
    /** Of the lock; tabs with another one do not know of each other. */
    private readonly name = keptName("lam-studio-events"),
  ) {}

  start(): void {
    this.running = true;
    this.heardAt = Date.now();
    if (!this.hasOthers) {
      this.lead();
      return;
    }
    this.wait({});
    this.ask();
  }

  stop(): void {
    this.running = false;
    if (this.timer !== null) clearTimeout(this.timer);
    this.waiting?.abort();
    this.release();
    if (this.leads) {
      this.leads = false;
      this.say({ about: "leaves", tab: this.tab });
    }
    this.leader = null;
  }

  hear(claim: Claim): void {
    if (claim.about === "asks") {
      if (this.leads) this.say({ about: "leads", tab: this.tab });
    } else if (claim.about === "leaves") {
      if (claim.tab === this.leader) this.follow(null);
      if (this.locks === undefined) this.soon(Math.random() * this.timings.firstMs);
    } else if (!this.leads) {
      this.follow(claim.tab);
    } else if (this.locks === undefined) {
      // Two lead: the one with the smaller name goes on.
      if (this.tab < claim.tab) this.say({ about: "leads", tab: this.tab });
      else this.yield(claim.tab);
    }
  }

  /** Anything that the leader says shows that it is there. */
  heard(): void {
    this.heardAt = Date.now();
    this.askedAt = null;
  }

  private ask(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (!this.running) return;
    if (this.leads) {
      if (this.locks !== undefined || !this.hasOthers) return;
      this.say({ about: "leads", tab: this.tab }); // where another one leads, too, both find out
      this.soon(this.timings.askMs);
      return;
    }
    if (this.isSeen() || this.leader === null) {
      const now = Date.now();
      if (this.askedAt !== null && now - this.askedAt >= this.patience) {
        this.takeOver();
        return;
      }
      if (now - this.heardAt >= this.timings.askMs || this.leader === null) {
        this.askedAt ??= now;
        this.say({ about: "asks", tab: this.tab });
      }
    } else {
      this.heard();
    }
    this.soon(this.askedAt === null ? this.timings.askMs : this.patience * (0.5 + Math.random() / 2));
  }

  private get patience(): number {
    return this.locks === undefined && this.leader === null ? this.timings.firstMs : this.timings.patienceMs;
  }

  private soon(milliseconds: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), milliseconds);
  }

  private takeOver(): void {
    this.askedAt = null;
    if (this.locks === undefined) {
      this.lead();
    } else {
      this.wait({ steal: true });
      this.soon(this.timings.askMs);
    }
  }

  /** Leads as soon as the lock is free, or at once where it is taken from somebody. */
  private wait(options: LockOptions): void {
    if (this.locks === undefined) return;
    this.waiting?.abort();
    const waiting = (this.waiting = new AbortController());
    const held = (): Promise<void> =>
      new Promise((resolve) => {
        this.release = resolve;
        if (this.running && this.waiting === waiting) this.lead();
        else resolve();
      });
    // A lock that is taken by force cannot be waited for, and the other way round.
    this.locks.request(this.name, options.steal ? options : { ...options, signal: waiting.signal }, held).catch(() => {
      if (this.waiting !== waiting || !this.running) return;
      this.yield(null); // another tab took it: this one was frozen
      this.wait({});
    });
  }

  private lead(): void {
    if (this.leads) return;
    this.leads = true;
    this.leader = this.tab;
    this.say({ about: "leads", tab: this.tab });
    this.changed();
    this.soon(this.timings.askMs);
  }

  private yield(to: string | null): void {
    this.leads = false;
    this.leader = null;
    this.follow(to);
    this.changed();
    this.soon(this.timings.askMs);
  }

  private follow(leader: string | null): void {
    this.heard();
    if (this.leader === leader) return;
    this.leader = leader;
    this.changed();
  }
}
