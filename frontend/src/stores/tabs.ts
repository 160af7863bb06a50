/**
 * Which tabs of this browser are alive, as far as the others can tell: each keeps a time up to date while it lives. A tab keeps its name
 * through a reload. Knows nothing of what tabs do.
 */

import { keptName } from "../base";

const BEAT_MS = 20_000;
/** A tab in the background may be late with its time. */
const GONE_MS = 180_000;

interface Word {
  about: "asks" | "has";
  name: string;
  /** Which page asks, or is answered. */
  page: string;
}

export class Tab {
  private beating: ReturnType<typeof setInterval> | null = null;
  private readonly page = newName();

  constructor(
    public name: string,
    private readonly channel: Pick<BroadcastChannel, "postMessage" | "onmessage"> | null = null,
  ) {
    if (channel !== null) channel.onmessage = ({ data }: MessageEvent<Word>) => this.hear(data);
  }

  /** The tab with the name that this one had before a reload. After *Duplicate tab* it takes another one, once the first has answered. */
  static own(): Tab {
    const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(keptName("lam-studio-tabs"));
    return new Tab(kept() ?? newName(), channel);
  }

  start(): void {
    this.beat();
    this.beating ??= setInterval(() => this.beat(), BEAT_MS);
    this.say("asks", this.page);
  }

  /** From here on others may take what it leaves behind. */
  stop(): void {
    if (this.beating !== null) clearInterval(this.beating);
    this.beating = null;
    try {
      localStorage.removeItem(key(this.name));
    } catch {
      // nothing was kept
    }
  }

  private hear({ about, name, page }: Word): void {
    if (name !== this.name) return;
    if (about === "asks" && page !== this.page) this.say("has", page);
    if (about !== "has" || page !== this.page) return;
    this.name = newName();
    this.beat();
  }

  private say(about: Word["about"], page: string): void {
    this.channel?.postMessage({ about, name: this.name, page } satisfies Word);
  }

  private beat(): void {
    try {
      sessionStorage.setItem(keptName("tab"), this.name);
      localStorage.setItem(key(this.name), String(Date.now()));
    } catch {
      // no room: the others think that it is gone
    }
  }
}

export function isAlive(name: string): boolean {
  return Date.now() - Number(localStorage.getItem(key(name)) ?? 0) < GONE_MS;
}

function kept(): string | null {
  try {
    return sessionStorage.getItem(keptName("tab"));
  } catch {
    return null;
  }
}

function newName(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function key(name: string): string {
  return keptName(`tab-${name}`);
}
