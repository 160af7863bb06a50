/** A conversation: events and lists in, rows out. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { MessageAnswer } from "../src/api/schema";
import type { Numbered, StreamEvent } from "../src/protocol/events";
import type { Listener, RunReader } from "../src/stores/browser-events";
import { Conversations, type Lists } from "../src/stores/conversation";
import type { Drafts } from "../src/stores/drafts";
import type { Link } from "../src/stores/event-reader";

/** The event connection, as a conversation sees it. */
class Events {
  link: Link = "open";
  session: number | null = null;
  readonly runs = new Map<string, RunReader>();
  listen: (listener: Listener) => () => void = () => () => undefined;
  watch = (session: number | null): unknown => (this.session = session);
  follow = (id: string, reader: RunReader): (() => void) => {
    this.runs.set(id, reader);
    return () => {
      if (this.runs.get(id) === reader) this.runs.delete(id);
    };
  };
  say(id: string, ...events: StreamEvent[]): void {
    const last = this.runs.get(id)?.last ?? 0;
    this.runs.get(id)?.take(events.map((event, at): Numbered => ({ id: last + at + 1, event })));
  }
}

const metadata = (id: string): StreamEvent =>
  ({ type: "metadata", session_id: 7, user_message_id: 1, assistant_message_id: 2, stream_id: id }) as StreamEvent;
const chunk: StreamEvent = { type: "chunk", content: "Once" };
const done = { type: "done", assistant_message_id: 2, full_content: "Once", finish_reason: "stop" } as StreamEvent;

function stored(id: number, status: string, content: string, stream: string | null = null, siblings = [id]): MessageAnswer {
  return { id, session_id: 7, role: id % 2 ? "user" : "assistant", status, content, stream_id: stream, siblings } as MessageAnswer;
}

const ASKED = stored(1, "complete", "Tell");

let events: Events;
let changed: string[];
let conversations: Conversations;

beforeEach(() => {
  vi.useFakeTimers();
  events = new Events();
  changed = [];
  const lists: Lists = {
    messagesChanged: (session) => changed.push(`messages ${session}`),
    wait: (session, { text }) => {
      changed.push(`wait ${session} ${text}`);
      return Promise.resolve();
    },
    sessionChanged: ({ id }) => changed.push(`session ${id}`),
    sessionDeleted: (id) => changed.push(`deleted ${id}`),
    folderChanged: ({ id }) => changed.push(`folder ${id}`),
    folderDeleted: (id) => changed.push(`folder deleted ${id}`),
    costsChanged: () => changed.push("costs"),
    missed: () => changed.push("missed"),
    refused: () => changed.push("refused"),
  };
  conversations = new Conversations(events, { taken: vi.fn() } as unknown as Drafts, lists);
  conversations.show(7);
});

afterEach(() => vi.useRealTimers());

const kinds = (): string[] =>
  conversations
    .of(7)
    .rows()
    .map(({ kind, key }) => `${kind} ${key}`);

test("a reply that the list calls running is followed, and stands in its place until the list has all of it", () => {
  const conversation = conversations.of(7);
  conversation.take([ASKED, stored(2, "streaming", "", "a")]);
  events.say("a", metadata("a"), chunk);
  expect(kinds()).toEqual(["turn 1", "live 2"]);
  events.say("a", done);
  expect([kinds(), events.runs.size]).toEqual([["turn 1", "live 2"], 0]);
  conversation.take([ASKED, stored(2, "complete", "On")]); // read before the end
  expect(kinds()).toEqual(["turn 1", "live 2"]);
  conversation.take([ASKED, stored(2, "complete", "Once")]);
  expect(kinds()).toEqual(["turn 1", "answer 2"]);
  expect(changed).toEqual(["costs"]);
});

test.each([
  ["another version of the reply", [ASKED, stored(4, "complete", "Other", null, [4, 2])]],
  ["another version of its turn", [stored(3, "complete", "Said", null, [1, 3]), stored(6, "complete", "Other")]],
])("an ended reply makes way for %s, although no list had all of it", (_what, list) => {
  const conversation = conversations.of(7);
  conversation.take([ASKED, stored(2, "streaming", "", "a")]);
  events.say("a", metadata("a"), chunk, done);
  conversation.take(list);
  expect(kinds().some((kind) => kind.startsWith("live"))).toBe(false);
});

test("an ended reply stays until a list knows of it", () => {
  const conversation = conversations.of(7);
  conversation.take([stored(9, "complete", "Before", null, [9])]);
  conversations.session({ type: "run", session_id: 7, stream_id: "a" });
  events.say("a", metadata("a"), chunk, done);
  conversation.take([stored(9, "complete", "Before", null, [9])]);
  expect(kinds()).toContain("live 2");
});

test.each([
  ["does not know of it", [ASKED]],
  ["calls it running", [ASKED, stored(2, "streaming", "", "a")]],
])("after the end of a reply whose list %s, and which nobody announces, the list is asked for once more", (_how, list) => {
  const conversation = conversations.of(7);
  conversation.take([ASKED]);
  conversations.session({ type: "run", session_id: 7, stream_id: "a" } as never);
  events.say("a", metadata("a"), chunk);
  conversation.take(list);
  events.say("a", done);
  expect(changed).toEqual(["costs"]);
  vi.advanceTimersByTime(1_000);
  expect(changed).toEqual(["costs", "messages 7"]);
  conversation.take([ASKED, stored(2, "complete", "Once")]);
  expect(kinds()).toEqual(["turn 1", "answer 2"]);
});

test("after the end of a reply whose list is there, nothing is asked for", () => {
  const conversation = conversations.of(7);
  conversation.take([ASKED, stored(2, "streaming", "", "a")]);
  events.say("a", metadata("a"), chunk, done);
  conversation.take([ASKED, stored(2, "complete", "Once")]);
  vi.advanceTimersByTime(10_000);
  expect(changed).toEqual(["costs"]);
});

test("a reply that begins elsewhere is followed before the list knows of it", () => {
  conversations.session({ type: "run", session_id: 7, stream_id: "a" });
  events.say("a", metadata("a"));
  expect(kinds()).toEqual(["live 2"]);
  conversations.session({ type: "messages", session_id: 7 });
  expect(changed).toEqual(["messages 7"]);
});

test("a session that comes in sight is read again only where its newest message is another one", () => {
  conversations.of(7).take([ASKED]);
  conversations.session({ type: "followed", session_id: 7, active_message_id: 1, stream_id: null });
  expect(changed).toEqual([]);
  conversations.session({ type: "followed", session_id: 7, active_message_id: 2, stream_id: "a" });
  expect(changed).toEqual(["messages 7"]);
  expect([...events.runs.keys()]).toEqual(["a"]);
});

test("what happens in a session that is not in sight is nothing to read", () => {
  conversations.session({ type: "run", session_id: 8, stream_id: "b" });
  conversations.session({ type: "messages", session_id: 8 });
  expect([events.runs.size, changed.length]).toEqual([0, 0]);
});

test("out of sight a reply is let go, and read on from where it was in sight again", () => {
  conversations.session({ type: "run", session_id: 7, stream_id: "a" });
  events.say("a", metadata("a"), chunk);
  conversations.show(8);
  expect(events.runs.size).toBe(0);
  conversations.show(7);
  expect(events.runs.get("a")?.last).toBe(2);
});

test("a reply that is gone is dropped, and an older list does not bring it back", () => {
  const old = [ASKED, stored(2, "streaming", "", "a")];
  conversations.of(7).take(old);
  events.runs.get("a")?.closed("not_found");
  expect(changed).toContain("messages 7");
  conversations.of(7).take([...old]);
  expect([events.runs.size, kinds()]).toEqual([0, ["turn 1", "answer 2"]]);
});

test("rows stay the same object until they say something else", () => {
  const conversation = conversations.of(7);
  conversation.take([ASKED]);
  const before = conversation.rows();
  expect(conversation.rows()).toBe(before);
  conversations.session({ type: "run", session_id: 7, stream_id: "a" });
  events.say("a", metadata("a"));
  const during = conversation.rows();
  events.say("a", chunk, chunk);
  expect(conversation.rows()).toBe(during);
});

test("a reply that began while the one before it was still read is followed after that one's end", () => {
  const conversation = conversations.of(7);
  conversation.take([ASKED, stored(2, "streaming", "", "a")]);
  events.say("a", metadata("a"));
  conversations.show(8);
  conversations.show(7);
  conversation.take([ASKED, stored(2, "complete", "Once"), stored(3, "complete", "More"), stored(4, "streaming", "", "b")]);
  conversations.session({ type: "followed", session_id: 7, active_message_id: 4, stream_id: "b" });
  events.say("a", chunk, done);
  expect(conversation.live?.stream.id).toBe("b");
});
