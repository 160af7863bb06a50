/**
 * What was written and not sent, or sent and not yet taken, by session; it is there again after a reload. Each tab has its own: two tabs
 * never write over each other. What a closed tab left behind is found by the next one that has nothing there. Knows no React.
 */

import { keptName } from "../base";
import type { Document, Picture } from "../protocol/parts";
import { Subscribable } from "./subscribable";
import { isAlive, Tab } from "./tabs";

/** A turn as it is being said differently; without `pictures` it keeps its own. */
export interface Edit {
  turn: number;
  text: string;
  pictures?: readonly Picture[];
}

export interface Draft {
  text: string;
  documents: readonly Document[];
  pictures: readonly Picture[];
  /** Chosen for the next message, with the values of its variables. */
  template: { id: number; title: string; variables: Record<string, string> } | null;
  /** Turns that are being said differently, at most one entry each. */
  edits: readonly Edit[];
  /** A message that waits and is being changed. */
  waiting: { id: number; text: string } | null;
  /** Why what was sent stands here again. */
  problem: string | null;
}

export const EMPTY: Draft = { text: "", documents: [], pictures: [], template: null, edits: [], waiting: null, problem: null };
const PAUSE_MS = 300;

export class Drafts extends Subscribable {
  private readonly known = new Map<number | null, Draft>();
  /** What was sent, as long as the gateway has not said that it has it, oldest first. */
  private readonly onTheirWay = new Map<number | null, Partial<Draft>[]>();
  private readonly unwritten = new Set<number | null>();
  private writing: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly tab = Tab.own()) {
    super();
    tab.start();
    globalThis.addEventListener("pagehide", () => {
      this.write();
      tab.stop();
    });
    globalThis.addEventListener("pageshow", () => tab.start()); // the page comes back as it was left
  }

  get(session: number | null): Draft {
    const known = this.known.get(session) ?? read(session, this.tab.name);
    this.known.set(session, known);
    return known;
  }

  change(session: number | null, changes: Partial<Draft>): void {
    this.known.set(session, { ...this.get(session), problem: null, ...changes });
    this.touch(session);
  }

  /** Undefined: the turn is not being said differently. */
  editOf(session: number | null, turn: number): Edit | undefined {
    return this.get(session).edits.find((one) => one.turn === turn);
  }

  edit(session: number, edit: Edit): void {
    const others = this.get(session).edits.filter(({ turn }) => turn !== edit.turn);
    this.change(session, { edits: [...others, edit] });
  }

  endEdit(session: number, turn: number): void {
    this.change(session, { edits: this.get(session).edits.filter((one) => one.turn !== turn) });
  }

  attach(session: number | null, document: Document): void {
    this.change(session, { documents: [...this.get(session).documents, document] });
  }

  /** `problem` stays: it may be about pictures that were not taken. */
  attachPicture(session: number | null, picture: Picture): void {
    const { pictures, problem } = this.get(session);
    this.change(session, { pictures: [...pictures, picture], problem });
  }

  /** Whether a draft of this browser, or what was sent and is not taken yet, has a picture. */
  hasPicture(id: string): boolean {
    const here = [...this.known.values(), ...[...this.onTheirWay.values()].flat()];
    const own = [...this.known.keys()].map((session) => key(session, this.tab.name));
    return here.some((draft) => shows(draft, id)) || isInOthers(own, id);
  }

  /** Sent: it is kept aside until the gateway has it. */
  sent(session: number | null, what: Partial<Draft>): void {
    this.onTheirWay.set(session, [...(this.onTheirWay.get(session) ?? []), what]);
    this.touch(session);
  }

  /** The gateway has it. */
  taken(session: number | null, what: Partial<Draft>): void {
    if (this.forget(session, what)) this.touch(session);
  }

  /** The gateway did not take it: it stands where it was written, before whatever was written since. */
  giveBack(session: number | null, what: Partial<Draft>, problem: string): void {
    if (this.forget(session, what)) this.putBack(session, what, problem);
  }

  /** Stands before whatever is written there. */
  putBack(session: number | null, what: Partial<Draft>, problem: string | null = null): void {
    this.change(session, { ...together(what, this.get(session)), problem });
  }

  /** What was written for a new session while it was made goes there. */
  move(session: number): void {
    const { text, documents, pictures, template } = this.get(null);
    if (text === "" && documents.length + pictures.length === 0 && template === null) return;
    this.change(null, { text: "", documents: [], pictures: [], template: null });
    this.putBack(session, { text, documents, pictures, template });
  }

  private forget(session: number | null, what: Partial<Draft>): boolean {
    const all = this.onTheirWay.get(session) ?? [];
    this.onTheirWay.set(
      session,
      all.filter((one) => one !== what),
    );
    return all.includes(what);
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
      const back = this.onTheirWay.get(session) ?? [];
      keep(
        key(session, this.tab.name),
        back.reduceRight<Draft>((now, one) => together(one, now), this.get(session)),
      );
    }
    this.unwritten.clear();
  }
}

function together(back: Partial<Draft>, now: Draft): Draft {
  return {
    text: [back.text, now.text].filter(Boolean).join("\n\n"),
    documents: [...(back.documents ?? []), ...now.documents],
    pictures: [...(back.pictures ?? []), ...now.pictures],
    template: now.template ?? back.template ?? null,
    edits: editsTogether(back.edits ?? [], now.edits),
    waiting: now.waiting ?? back.waiting ?? null,
    problem: null,
  };
}

function editsTogether(back: readonly Edit[], now: readonly Edit[]): readonly Edit[] {
  const others = back.filter(({ turn }) => now.every((one) => one.turn !== turn));
  const both = now.map((edit) => {
    const before = back.find(({ turn }) => turn === edit.turn);
    if (before === undefined) return edit;
    const text = before.text === edit.text ? edit.text : `${before.text}\n\n${edit.text}`;
    const added = before.pictures?.filter(({ id }) => !edit.pictures?.some((one) => one.id === id));
    return { ...edit, text, ...(added && { pictures: [...(edit.pictures ?? []), ...added] }) };
  });
  return [...others, ...both];
}

function shows({ pictures = [], edits = [] }: Partial<Draft>, id: string): boolean {
  return [...pictures, ...edits.flatMap((edit) => edit.pictures ?? [])].some((one) => one.id === id);
}

/** Whether a draft that is kept has it, apart from those with the names `own`, which are newer in this tab. */
function isInOthers(own: readonly string[], id: string): boolean {
  try {
    const names = Object.keys(localStorage).filter((name) => name.startsWith(keptName("draft-")) && !own.includes(name));
    return names.some((name) => shows(parsed(name), id));
  } catch {
    return false;
  }
}

/** This tab's own; else the newest that a tab left behind which is gone. It is this tab's from then on. */
function read(session: number | null, tab: string): Draft {
  try {
    const own = key(session, tab);
    if (localStorage.getItem(own) !== null) return parsed(own);
    const left = leftBehind(session)
      .map((name) => ({ name, draft: parsed(name) }))
      .sort((one, other) => (other.draft.at ?? 0) - (one.draft.at ?? 0))
      .at(0);
    if (left === undefined) return EMPTY;
    localStorage.setItem(own, localStorage.getItem(left.name) ?? "{}");
    localStorage.removeItem(left.name);
    return left.draft;
  } catch {
    return EMPTY;
  }
}

/** The keys of drafts of a session that no living tab has; the first release had one for all tabs. */
function leftBehind(session: number | null): string[] {
  const shared = key(session);
  return Object.keys(localStorage).filter((name) => {
    const [about, tab] = name.split("@");
    return about === shared && (tab === undefined || !isAlive(tab));
  });
}

function parsed(name: string): Draft & { at?: number } {
  const { edit, ...kept } = JSON.parse(localStorage.getItem(name) ?? "{}") as Partial<Draft> & { edit?: Edit | null };
  return { ...EMPTY, ...(edit && { edits: [edit] }), ...kept }; // earlier releases kept one edit
}

/** Where the browser has no room for it, it lives as long as the page. */
function keep(name: string, draft: Draft): void {
  const { text, documents, pictures, template, edits, waiting } = draft;
  const isEmpty = text === "" && documents.length + pictures.length + edits.length === 0 && template === null && waiting === null;
  try {
    if (isEmpty) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify({ text, documents, pictures, template, edits, waiting, at: Date.now() }));
  } catch {
    localStorage.removeItem(name);
  }
}

function key(session: number | null, tab?: string): string {
  return keptName(`draft-${session ?? "new"}${tab === undefined ? "" : `@${tab}`}`);
}

export const drafts = new Drafts();
