/**
 * The people of the sessions in this tab: answers and frames in, who is there and what they do out. A frame that comes while an answer is on
 * its way is applied to that answer too, which may be older. Says what this person does no more often than others need it. Knows no React.
 */

import { ApiError } from "../api/http";
import { together, type Member, type Presence, type Role } from "../api/together";
import { words } from "../words";
import type { SessionEvent } from "./browser-events";
import { Subscribable } from "./subscribable";

/** What the event connection tells of the people of a session. */
export type TogetherEvent = { session_id: number } & (
  | { type: "members" }
  | { type: "presence"; user_id: number; presence: Presence }
  | { type: "typing"; user_id: number }
  | { type: "reading"; user_id: number; message_id: number }
  | { type: "follow"; user_id: number; message_id: number }
  | { type: "removed" }
);

/** How it reaches the gateway; tests have another one. */
export type Wire = Pick<typeof together, "members" | "typing" | "reading">;

/** Who leads everybody to which message; `number` grows with each time. */
export interface Lead {
  by: Member | undefined;
  message: number;
  number: number;
}

/** How long somebody types after the last word of it, and how often it is said. */
const TYPING_MS = 5_000;
const SAY_TYPING_MS = 3_000;
const SAY_READING_MS = 1_500;
/** Who comes and goes within this time is said in one sentence. */
const GATHER_MS = 3_000;
/** Above CROWD members, the list is read again only after PAUSE_MS for each of them: 200 people who join would cause 200 long lists. */
const CROWD = 20;
const PAUSE_MS = 20;
/** So long a sentence for screen readers stands. */
const SPOKEN_MS = 10_000;

/** What a gateway answers to whoever was in the session and is no longer. */
const OUT = 404;
/** To a guest who is not even known any more; of anybody else the log-in has ended. */
const UNKNOWN = 401;

const NOBODY: readonly Member[] = [];
const TYPES: ReadonlySet<string> = new Set<TogetherEvent["type"]>([
  "members",
  "presence",
  "typing",
  "reading",
  "follow",
  "removed",
]);

function isTogether(event: SessionEvent): event is TogetherEvent {
  return TYPES.has(event.type);
}

/** The people of one session. */
export class Gathering extends Subscribable {
  /** Undefined: not known yet. Somebody who left the session is no longer in it. */
  members: readonly Member[] | undefined;
  /** By message, the others who read it and have not left. */
  private readers: ReadonlyMap<number, readonly Member[]> = new Map();
  /** Those who type now, except whoever sits here. */
  typing: readonly Member[] = NOBODY;
  lead: Lead | null = null;
  /** Whoever sits here was taken out. */
  isRemoved = false;
  /** One sentence for screen readers: who came and went lately. */
  announcement = "";
  /** The people who type, each with the timer that ends it; some may be missing in `members` so far. */
  private readonly fingers = new Map<number, ReturnType<typeof setTimeout>>();
  /** Frames that came while an answer was on its way. */
  private meanwhile: TogetherEvent[] | null = null;
  private isOutdated = false;
  private typedAt = -Infinity;
  private readAt: { message: number | null; wanted: number | null; timer: ReturnType<typeof setTimeout> | null } = {
    message: null,
    wanted: null,
    timer: null,
  };
  /** Who came (true) and went (false) since the last sentence. */
  private readonly moves = new Map<string, boolean>();
  private watchers = 0;
  private gathering: ReturnType<typeof setTimeout> | null = null;
  private speaking: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly session: number,
    private readonly wire: Wire,
  ) {
    super();
  }

  /** Others are told whether somebody is here. */
  get isCompany(): boolean {
    return this.watchers > 0 && this.isShared;
  }

  get me(): Member | undefined {
    return this.members?.find(({ is_me }) => is_me);
  }

  /** What whoever sits here may do; undefined: not known yet. */
  get role(): Role | undefined {
    return this.me?.role;
  }

  get isShared(): boolean {
    return (this.members?.length ?? 0) > 1;
  }

  /** Somebody looks at it, until the function that comes back is called. */
  watch = (): (() => void) => {
    this.watchers++;
    void this.read();
    return () => {
      this.watchers--;
      if (this.watchers === 0) this.rest();
      this.notify();
    };
  };

  /** Anything may have changed meanwhile. */
  missed(): void {
    if (this.watchers > 0) void this.read();
  }

  /** Asks who is there, one request at a time. What cannot be asked now is asked with the next change. */
  async read(): Promise<void> {
    if (this.meanwhile !== null) {
      this.isOutdated = true;
      return;
    }
    do {
      this.isOutdated = false;
      this.meanwhile = [];
      try {
        const answer = await this.wire.members(this.session);
        this.take(this.meanwhile.reduce<readonly Member[]>(changed, answer));
      } catch (error) {
        if (error instanceof ApiError && this.members !== undefined && this.isOut(error.status)) this.removed();
      }
      const count = this.members?.length ?? 0;
      if (count > CROWD) await new Promise((resolve) => setTimeout(resolve, count * PAUSE_MS));
      this.meanwhile = null;
    } while (this.needsReading());
  }

  private isOut(status: number): boolean {
    return status === OUT || (status === UNKNOWN && this.me?.is_guest === true);
  }

  hear(event: TogetherEvent): void {
    this.meanwhile?.push(event);
    switch (event.type) {
      case "members":
        void this.read();
        return;
      case "removed":
        this.removed();
        return;
      case "typing":
        this.types(event.user_id);
        return;
      case "follow": {
        const by = this.member(event.user_id);
        this.lead = { by, message: event.message_id, number: (this.lead?.number ?? 0) + 1 };
        break;
      }
      case "presence":
      case "reading":
        if (event.type === "presence" && event.presence === "left") this.stopsTyping(event.user_id);
        if (this.members !== undefined) this.take(changed(this.members, event));
        return;
    }
    this.notify();
  }

  /** Somebody as they are now, where they are still one of the session's people. */
  member(user: number): Member | undefined {
    return this.members?.find(({ user_id }) => user_id === user);
  }

  /** The others who read this message now; the same list until something changes. */
  readersOf(message: number): readonly Member[] {
    return this.readers.get(message) ?? NOBODY;
  }

  /** Something of theirs has come: they no longer type. */
  sent(user: number): void {
    if (this.stopsTyping(user)) this.notify();
  }

  /** Whoever sits here types. */
  type(now = Date.now()): void {
    if (!this.isShared || now - this.typedAt < SAY_TYPING_MS) return;
    this.typedAt = now;
    this.wire.typing(this.session).catch(() => undefined); // it is said again soon
  }

  /** Whoever sits here reads this message; said after a pause, and only where it is another one. */
  reads(message: number): void {
    if (!this.isShared) return;
    const { readAt } = this;
    readAt.wanted = message;
    readAt.timer ??= setTimeout(() => {
      readAt.timer = null;
      const { wanted } = readAt;
      if (wanted === null || wanted === readAt.message) return;
      readAt.message = wanted;
      this.wire.reading(this.session, wanted).catch(() => (readAt.message = null));
    }, SAY_READING_MS);
  }

  private rest(): void {
    const { readAt } = this;
    if (readAt.timer !== null) clearTimeout(readAt.timer);
    readAt.timer = null;
  }

  private needsReading(): boolean {
    return this.isOutdated && !this.isRemoved;
  }

  private removed(): void {
    this.isRemoved = true;
    this.members = undefined;
    this.typing = NOBODY;
    this.readers = new Map();
    this.rest();
    this.notify();
  }

  private take(next: readonly Member[]): void {
    const before = this.members;
    this.isRemoved = false;
    this.members = next;
    this.typing = this.typists();
    this.readers = readersIn(next);
    if (before !== undefined) this.gather(before, next);
    this.notify();
  }

  private types(user: number): void {
    clearTimeout(this.fingers.get(user));
    this.fingers.set(
      user,
      setTimeout(() => this.sent(user), TYPING_MS),
    );
    if (this.typing.some(({ user_id }) => user_id === user)) return;
    this.typing = this.typists();
    if (this.typing.length > 0) this.notify();
  }

  private typists(): readonly Member[] {
    return [...this.fingers.keys()].flatMap((user) => this.member(user) ?? []).filter(({ is_me }) => !is_me);
  }

  /** True: they did until now. */
  private stopsTyping(user: number): boolean {
    clearTimeout(this.fingers.get(user));
    this.fingers.delete(user);
    const before = this.typing;
    this.typing = before.filter(({ user_id }) => user_id !== user);
    return this.typing.length < before.length;
  }

  /** Keeps who came and who went; who did both within the time is not worth a word. */
  private gather(before: readonly Member[], next: readonly Member[]): void {
    const [were, are] = [present(before), present(next)];
    const note = (name: string, came: boolean): void => {
      if (this.moves.get(name) === !came) this.moves.delete(name);
      else this.moves.set(name, came);
    };
    for (const name of are) if (!were.has(name)) note(name, true);
    for (const name of were) if (!are.has(name)) note(name, false);
    if (this.moves.size > 0) this.gathering ??= setTimeout(() => this.announce(), GATHER_MS);
  }

  private announce(): void {
    this.gathering = null;
    const names = (came: boolean): string[] => [...this.moves].filter(([, did]) => did === came).map(([name]) => name);
    const [came, went] = [names(true), names(false)];
    this.moves.clear();
    const said = [came.length > 0 && words.together.came(came), went.length > 0 && words.together.went(went)];
    this.announcement = said.filter(Boolean).join(" ");
    if (this.speaking !== null) clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      this.announcement = "";
      this.notify();
    }, SPOKEN_MS);
    this.notify();
  }
}

/** The names of the others who are there, also where they look elsewhere for a while. */
function present(members: readonly Member[]): Set<string> {
  return new Set(members.filter(({ is_me, presence }) => !is_me && presence !== "left").map(({ name }) => name));
}

function readersIn(members: readonly Member[]): Map<number, Member[]> {
  const found = new Map<number, Member[]>();
  for (const one of members) {
    if (one.is_me || one.presence === "left" || one.reading === null) continue;
    found.set(one.reading, [...(found.get(one.reading) ?? []), one]);
  }
  return found;
}

function changed(members: readonly Member[], event: TogetherEvent): readonly Member[] {
  if (event.type !== "presence" && event.type !== "reading") return members;
  return members.map((one) => {
    if (one.user_id !== event.user_id) return one;
    return event.type === "presence" ? { ...one, presence: event.presence } : { ...one, reading: event.message_id };
  });
}

export class Gatherings extends Subscribable {
  private readonly known = new Map<number, Gathering>();

  constructor(private readonly wire: Wire = together) {
    super();
  }

  of(session: number): Gathering {
    const known = this.known.get(session);
    if (known !== undefined) return known;
    const gathering = new Gathering(session, this.wire);
    gathering.subscribe(() => this.notify());
    this.known.set(session, gathering);
    return gathering;
  }

  /** Others are told whether somebody is here. */
  get isCompany(): boolean {
    return [...this.known.values()].some(({ isCompany }) => isCompany);
  }

  // As a listener

  session = (event: SessionEvent): void => {
    if (isTogether(event)) this.known.get(event.session_id)?.hear(event);
    else if (event.type === "followed") this.known.get(event.session_id)?.missed(); // what changed out of sight had no frame
  };

  /** Anything may have changed meanwhile. */
  missed = (): void => {
    for (const gathering of this.known.values()) gathering.missed();
  };

  /** Nothing more will come: perhaps a guest was taken out while this page slept. */
  refused = (): void => this.missed();
}

export const gatherings = new Gatherings();
