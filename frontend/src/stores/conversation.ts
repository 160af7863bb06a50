/**
 * The conversations of this tab: events and lists of messages in, rows out. It follows the reply that runs in the session in sight,
 * sends, gives back what was not taken, and lets go of a reply once the list says the same. Knows no React, and no cache of lists.
 */

import { requestId, type Send } from "../api/streams";
import type { Next } from "../api/waiting";
import type { ApiError } from "../api/http";
import type { FolderAnswer, ListedSession, MessageAnswer } from "../api/schema";
import { messageParts, type Part } from "../protocol/parts";
import type { BrowserEvents, ListEvent, Listener, SessionEvent } from "./browser-events";
import type { Draft, Drafts } from "./drafts";
import { LiveStream, type Runs } from "./live-stream";
import { PendingSettings } from "./pending-settings";
import { rows, type Row } from "./rows";
import { words } from "../words";
import { Subscribable } from "./subscribable";

/** A reply that is on its way, and what of the conversation it stands in for until the conversation is read again. */
export interface LiveReply {
  stream: LiveStream;
  /** What was said to get it; null where a turn stands that it answers. */
  asked: readonly Part[] | null;
  /** The first message that it makes disappear: the reply that it takes the place of, or the turn that was edited. */
  hides: number | null;
  /** It began while this page looked. */
  isFresh: boolean;
}

/** What stands where it was written again if the gateway does not take it. */
export type Back = Partial<Draft>;

/** Where the lists are that the page shows, and how they are read again. */
export interface Lists {
  /** A session's messages are not what they were. */
  messagesChanged: (session: number) => void;
  /** What was sent while a reply ran, which this tab did not know of, is to wait for it. Rejects with an ApiError. */
  wait: (session: number, message: Next) => Promise<void>;
  sessionChanged: (session: ListedSession) => void;
  sessionDeleted: (session: number) => void;
  folderChanged: (folder: FolderAnswer) => void;
  folderDeleted: (folder: number) => void;
  /** What replies cost. */
  costsChanged: () => void;
  /** Anything may have changed. */
  missed: () => void;
  /** The login has ended. */
  refused: () => void;
}

/** What a conversation needs of the others. */
interface Around {
  runs: Runs;
  drafts: Drafts;
  lists: Lists;
  pending: PendingSettings;
}

/** How long the page waits, after a reply's end, for a list that contains it. */
const LIST_MS = 1_000;

export class Conversation extends Subscribable {
  live: LiveReply | undefined;
  private messages: MessageAnswer[] | undefined;
  /** What was sent from here last. */
  private sent: { stream: LiveStream; message: Omit<Send, "session_id">; back: Back } | null = null;
  private isInSight = false;
  private unwatch: (() => void) | null = null;
  /** Streams that could not be read: a list that still calls them running is older. */
  private readonly missing = new Set<string>();
  private row: { messages: MessageAnswer[] | undefined; live: LiveReply | undefined; about: unknown; all: Row[] } | null = null;

  constructor(
    private readonly session: number,
    private readonly around: Around,
  ) {
    super();
  }

  /** What stands in it, one under the other; the same object until that is something else. */
  rows = (): Row[] => {
    const { messages, live } = this;
    const about = live?.stream.snapshot.metadata ?? null;
    if (this.row?.messages !== messages || this.row?.live !== live || this.row?.about !== about) {
      this.row = { messages, live, about, all: rows(messages ?? [], live === undefined ? null : { ...live, about }) };
    }
    return this.row.all;
  };

  /** Sends a message; `back` stands where it was written again if the gateway does not take it. */
  send(message: Omit<Send, "session_id">, hides: number | null, back: Back): void {
    const { runs, drafts, pending } = this.around;
    const named = { client_request_id: requestId(), ...message };
    const stream = LiveStream.sending({ ...named, session_id: this.session }, runs, () => pending.settle(this.session));
    drafts.sent(this.session, back);
    this.sent = { stream, message: named, back };
    const pictures = back.pictures ?? back.edits?.at(0)?.pictures; // with their sizes
    const asked = message.content == null ? null : messageParts(message.content, message.documents ?? [], pictures);
    this.put({ stream, asked, hides, isFresh: true });
  }

  /** The newest list of its messages; undefined: not known. */
  take(messages: MessageAnswer[] | undefined): void {
    if (this.messages === messages) return;
    this.messages = messages;
    this.settle();
    this.findNewest();
    this.notify();
  }

  /** What happened in it, while it is in sight. */
  hear(event: SessionEvent): void {
    switch (event.type) {
      case "run":
        this.find(event.stream_id, true);
        break;
      case "followed": {
        if (event.stream_id !== null) this.find(event.stream_id);
        const newest = this.messages?.at(-1);
        if (this.messages !== undefined && (newest?.id ?? null) !== event.active_message_id)
          this.around.lists.messagesChanged(this.session);
        break;
      }
      case "messages":
        this.around.lists.messagesChanged(this.session);
        break;
      case "follow":
        this.around.lists.messagesChanged(this.session); // it may be on another branch
        break;
      case "closed":
        break; // whoever asks for its messages is told that it is gone
    }
  }

  setInSight(isInSight: boolean): void {
    this.isInSight = isInSight;
    if (isInSight) this.live?.stream.attach();
    else this.live?.stream.release();
  }

  /** Lets go of the reply on its way. */
  drop(): void {
    if (this.live === undefined) return;
    this.live.stream.release();
    this.unwatch?.();
    this.live = undefined;
    this.notify();
  }

  /** A reply that was begun elsewhere, or before this page was loaded. */
  private find(streamId: string, isFresh = false): void {
    const { live } = this;
    if (this.missing.has(streamId) || live?.stream.id === streamId) return;
    if (live !== undefined && !live.stream.over) return; // ours, whose name is not known yet; or the list is older
    this.put({ stream: LiveStream.following(streamId, this.around.runs), asked: null, hides: null, isFresh });
  }

  /** The reply that still runs, as far as the list knows. */
  private findNewest(): void {
    const newest = this.messages?.at(-1);
    if (newest?.status === "streaming" && newest.stream_id !== null) this.find(newest.stream_id);
  }

  private put(live: LiveReply): void {
    this.live?.stream.release();
    this.unwatch?.();
    this.live = live;
    this.watch(live);
    if (this.isInSight) live.stream.attach();
    else live.stream.release();
    this.notify();
  }

  private watch(live: LiveReply): void {
    const { drafts, lists } = this.around;
    const { stream } = live;
    let [about, over]: [unknown, boolean] = [null, false];
    const look = (): void => {
      if (stream.snapshot.metadata !== about) {
        about = stream.snapshot.metadata;
        if (this.sent?.stream === stream) drafts.taken(this.session, this.sent.back);
        this.settle();
        this.notify();
      }
      if (!stream.over || over) return;
      over = true;
      this.ended(live);
      lists.costsChanged();
    };
    this.unwatch = stream.subscribe(look);
    look();
  }

  private ended(live: LiveReply): void {
    const { stream } = live;
    if (stream.wasRefused) {
      if (this.sent?.stream === stream) void this.refused(this.sent, stream.problem);
      if (stream.id !== null) this.missing.add(stream.id);
      this.drop();
      this.around.lists.messagesChanged(this.session);
    } else {
      this.settle();
      this.findNewest(); // it may have begun before this one had been read to its end
      this.notify();
      if (this.live === live) setTimeout(() => this.askAgain(live), LIST_MS);
    }
  }

  /** The gateway announces the complete list only while the session is in sight; a short reply may end before that. */
  private askAgain(live: LiveReply): void {
    if (this.live === live) this.around.lists.messagesChanged(this.session);
  }

  /** What the gateway did not take waits, if another reply runs; else it stands where it was written. */
  private async refused(
    { message, back }: { message: Omit<Send, "session_id">; back: Back },
    problem: ApiError | null,
  ): Promise<void> {
    const { drafts, lists } = this.around;
    const isPlain = message.content != null && message.parent_id === undefined && message.template_id === undefined;
    try {
      if (problem?.code !== "session_busy" || !isPlain) throw problem ?? new Error(words.reply.notAccepted);
      const next = {
        text: message.content ?? "",
        documents: message.documents ?? [],
        images: message.images ?? [],
        id: message.client_request_id ?? requestId(),
      };
      await lists.wait(this.session, next);
      drafts.taken(this.session, back);
    } catch (error) {
      drafts.giveBack(this.session, back, error instanceof Error ? error.message : String(error));
    }
  }

  /** Lets go of a reply that has ended once the list has all of it, or shows another version in its place. */
  private settle(): void {
    const { live } = this;
    if (live?.stream.over !== true) return;
    const { metadata, terminal } = live.stream.snapshot;
    const length = terminal?.type === "done" ? terminal.full_content.length : 0; // a shorter one was read before the end
    const id = metadata?.assistant_message_id;
    const { messages = [] } = this;
    const isComplete = messages.some((one) => one.id === id && one.status !== "streaming" && one.content.length >= length);
    const isPassedOver = messages.some(({ id: own, siblings }) =>
      [id, metadata?.user_message_id].some((of) => of != null && of !== own && siblings.includes(of)),
    ); // another version stands in the place of it, or of its turn
    if (id != null && (isComplete || isPassedOver)) this.drop();
  }
}

export class Conversations extends Subscribable implements Listener {
  readonly pending = new PendingSettings();
  /** How many messages were sent from this tab. */
  sent = 0;
  private readonly known = new Map<number, Conversation>();
  private inSight: number | null = null;
  private readonly around: Around;

  constructor(
    private readonly events: Pick<BrowserEvents, "watch" | "listen" | "link" | "follow">,
    drafts: Drafts,
    private readonly lists: Lists,
  ) {
    super();
    this.around = { runs: events, drafts, lists, pending: this.pending };
  }

  of(session: number): Conversation {
    const known = this.known.get(session) ?? new Conversation(session, this.around);
    this.known.set(session, known);
    return known;
  }

  /** The session in sight: its reply is read, the others' are let go. */
  show(session: number | null): void {
    this.inSight = session;
    for (const [id, conversation] of this.known) if (id !== session) conversation.setInSight(false);
    if (session !== null) this.of(session).setInSight(true);
    this.events.watch(session);
  }

  send(message: Send, hides: number | null, back: Back): void {
    const { session_id, ...rest } = message;
    if (rest.content != null) this.sent++;
    this.of(session_id).send(rest, hides, back);
    this.notify();
  }

  // As a listener

  list = (event: ListEvent): void => {
    switch (event.type) {
      case "session":
        this.lists.sessionChanged(event.session);
        break;
      case "deleted":
        this.lists.sessionDeleted(event.session_id);
        break;
      case "folder":
        this.lists.folderChanged(event.folder);
        break;
      case "folder_deleted":
        this.lists.folderDeleted(event.folder_id);
        break;
    }
  };

  session = (event: SessionEvent): void => {
    if (event.session_id === this.inSight) this.of(event.session_id).hear(event);
  };

  missed = (): void => this.lists.missed();

  refused = (): void => this.lists.refused();
}
