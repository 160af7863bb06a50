/**
 * Files on their way into drafts and into turns that are being said differently: they go on when another session is in sight. Those of a kind go one after the other, so that
 * they keep their order and leave the browser connections for the rest. Knows no React, and not what becomes of a file.
 */

import { Subscribable } from "./subscribable";

/** `share`: how much of it was sent, from 0 to 1. `problem`: why it could not be attached. */
export interface Upload {
  id: number;
  name: string;
  kind: "picture" | "document";
  share: number;
  problem: string | null;
}

/** Where files go: the draft of a session, or a turn. */
export type Place = number | null | `turn ${number}`;

/** Attaches a file. What it rejects with is the problem; after an abort nothing may be attached any more. */
export type Attach = (onShare: (share: number) => void, signal: AbortSignal) => Promise<void>;

const NONE: readonly Upload[] = [];

export class Uploads extends Subscribable {
  private readonly known = new Map<Place, readonly Upload[]>();
  private readonly ends = new Map<number, AbortController>();
  private readonly lanes = { picture: Promise.resolve(), document: Promise.resolve() };
  private last = 0;

  /** Those that are not attached yet, oldest first. */
  get(place: Place): readonly Upload[] {
    return this.known.get(place) ?? NONE;
  }

  /** Resolves once it is attached, cannot be, or was taken away. */
  add(place: Place, { name, kind }: Pick<Upload, "name" | "kind">, attach: Attach): Promise<void> {
    const id = ++this.last;
    const end = new AbortController();
    this.ends.set(id, end);
    this.set(place, [...this.get(place), { id, name, kind, share: 0, problem: null }]);
    this.lanes[kind] = this.lanes[kind].then(() => this.run(place, id, attach, end.signal));
    return this.lanes[kind];
  }

  /** Takes it away, and ends what still goes on. */
  remove(place: Place, id: number): void {
    this.ends.get(id)?.abort();
    this.ends.delete(id);
    const all = this.get(place);
    if (all.some((one) => one.id === id))
      this.set(
        place,
        all.filter((one) => one.id !== id),
      );
  }

  private async run(place: Place, id: number, attach: Attach, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    try {
      await attach((share) => this.change(place, id, { share }), signal);
      this.remove(place, id);
    } catch (error) {
      this.change(place, id, { problem: error instanceof Error ? error.message : String(error) });
    }
  }

  private change(place: Place, id: number, changes: Partial<Upload>): void {
    this.set(
      place,
      this.get(place).map((one) => (one.id === id ? { ...one, ...changes } : one)),
    );
  }

  private set(place: Place, all: readonly Upload[]): void {
    this.known.set(place, all);
    this.notify();
  }
}

export const uploads = new Uploads();
