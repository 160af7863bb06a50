/** What was written and not sent, or sent and not yet taken, by session; it is there again after a reload. Knows no React. */

import type { Document } from "../protocol/parts";
import { Subscribable } from "./subscribable";

export interface Draft {
  text: string;
  documents: readonly Document[];
  /** Chosen for the next message, with the values of its variables. */
  template: { id: number; title: string; variables: Record<string, string> } | null;
  /** A turn that is being said differently. */
  edit: { turn: number; text: string } | null;
  /** Why what was sent stands here again. */
  problem: string | null;
}

export const EMPTY: Draft = { text: "", documents: [], template: null, edit: null, problem: null };
const PAUSE_MS = 300;

export class Drafts extends Subscribable {
  private readonly known = new Map<number | null, Draft>();
  /** What was sent, as long as the gateway has not said that it has it. */
  private readonly onTheirWay = new Map<number, Partial<Draft>>();
  private readonly unwritten = new Set<number | null>();
  private writing: ReturnType<typeof setTimeout> | null = null;

  constructor() {
    super();
    globalThis.addEventListener("pagehide", () => this.write());
  }

  get(session: number | null): Draft {
    const known = this.known.get(session) ?? read(session);
    this.known.set(session, known);
    return known;
  }

  change(session: number | null, changes: Partial<Draft>): void {
    this.known.set(session, { ...this.get(session), problem: null, ...changes });
    this.touch(session);
  }

  attach(session: number | null, document: Document): void {
    this.change(session, { documents: [...this.get(session).documents, document] });
  }

  /** Sent: it is kept aside until the gateway has it. */
  sent(session: number, what: Partial<Draft>): void {
    this.onTheirWay.set(session, what);
    this.touch(session);
  }

  /** The gateway has it. */
  taken(session: number): void {
    if (this.onTheirWay.delete(session)) this.touch(session);
  }

  /** The gateway did not take it: it stands where it was written, before whatever was written since. */
  giveBack(session: number, problem: string): void {
    const back = this.onTheirWay.get(session);
    if (back === undefined) return;
    this.onTheirWay.delete(session);
    this.change(session, { ...together(back, this.get(session)), problem });
  }

  private touch(session: number | null): void {
    this.notify();
    this.unwritten.add(session);
    this.writing ??= setTimeout(() => this.write(), PAUSE_MS);
  }

  private write(): void {
    if (this.writing !== null) clearTimeout(this.writing);
    this.writing = null;
    for (const session of this.unwritten) {
      const back = session === null ? undefined : this.onTheirWay.get(session);
      keep(session, together(back ?? {}, this.get(session)));
    }
    this.unwritten.clear();
  }
}

function together(back: Partial<Draft>, now: Draft): Draft {
  return {
    text: [back.text, now.text].filter(Boolean).join("\n\n"),
    documents: [...(back.documents ?? []), ...now.documents],
    template: now.template ?? back.template ?? null,
    edit: now.edit ?? back.edit ?? null,
    problem: null,
  };
}

function read(session: number | null): Draft {
  try {
    return { ...EMPTY, ...(JSON.parse(localStorage.getItem(key(session)) ?? "{}") as Partial<Draft>) };
  } catch {
    return EMPTY;
  }
}

/** Where the browser has no room for it, it lives as long as the page. */
function keep(session: number | null, draft: Draft): void {
  const { text, documents, template, edit } = draft;
  const isEmpty = text === "" && documents.length === 0 && template === null && edit === null;
  try {
    if (isEmpty) localStorage.removeItem(key(session));
    else localStorage.setItem(key(session), JSON.stringify({ text, documents, template, edit }));
  } catch {
    localStorage.removeItem(key(session));
  }
}

function key(session: number | null): string {
  return `draft-${session ?? "new"}`;
}

export const drafts = new Drafts();
