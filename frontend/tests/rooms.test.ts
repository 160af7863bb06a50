/** A room in the page: tiles that are read and drawn, and what the frames of a room change. */

import { expect, test } from "vitest";

import type { Participant, Room } from "../src/api/rooms";
import { asCode } from "../src/features/rooms/code";
import { dayIn, endOf, roomIn } from "../src/features/rooms/form";
import { standing } from "../src/features/rooms/standing";
import type { Numbered, StreamEvent } from "../src/protocol/events";
import type { Listener, RunReader } from "../src/stores/browser-events";
import { counts, MOST_READ, RoomView } from "../src/stores/rooms";
import { beginning, DRAWN_UNITS, Tile } from "../src/stores/tile";
import { eventually } from "./eventually";

/** Frames come when the test says so. */
class Frames {
  private readonly due = new Set<() => void>();

  ask = (draw: () => void): void => void this.due.add(draw);
  forget = (draw: () => void): void => void this.due.delete(draw);

  next(): void {
    const all = [...this.due];
    this.due.clear();
    for (const draw of all) draw();
  }
}

/** The event connection: who reads which run, and the room in sight. */
class Events {
  readonly link = "open" as const;
  readonly readers = new Map<string, RunReader>();
  room: number | null = null;
  private audience: Listener | null = null;

  follow = (id: string, reader: RunReader): (() => void) => {
    this.readers.set(id, reader);
    return () => this.readers.delete(id);
  };
  watchRoom = (room: number | null): void => void (this.room = room);
  listen = (listener: Listener): (() => void) => {
    this.audience = listener;
    return () => (this.audience = null);
  };
  say(event: Parameters<NonNullable<Listener["room"]>>[0]): void {
    this.audience?.room?.(event);
  }
  missed(): void {
    this.audience?.missed?.();
  }
}

const ROOM: Room = {
  id: 5,
  code: "K7QF-2M9X",
  title: "Physics",
  role: "owner",
  owner_name: "Ada",
  template_id: null,
  models: [],
  budget: null,
  seconds: null,
  ends_at: null,
  task: null,
  state: "open",
  locked: false,
  shows_others: false,
  message: null,
  projected: null,
  expires_at: "2026-12-24T12:00:00Z",
  gone_at: null,
  created_at: "2026-11-29T12:00:00Z",
  participants: 0,
  most: 200,
  media_mb: 100,
  session_id: null,
};

function person(user: number, changes: Partial<Participant> = {}): Participant {
  const stream = changes.stream_id ?? null;
  return {
    user_id: user,
    name: `Guest ${user}`,
    session_id: 100 + user,
    stream_id: null,
    state: stream === null ? "idle" : "running",
    messages: 0,
    tokens: 0,
    last: "",
    ...changes,
  };
}

const metadata: StreamEvent = {
  type: "metadata",
  session_id: 101,
  user_message_id: 1,
  session_key: "k",
  stream_id: "a",
  assistant_message_id: 2,
  mode: "sse",
  model: "m",
  simulated: false,
};
const chunk = (content: string): StreamEvent => ({ type: "chunk", content });
const done = (full_content: string): StreamEvent => ({
  type: "done",
  assistant_message_id: 2,
  full_content,
  finish_reason: "stop",
  model: "m",
  simulated: false,
  usage: null,
  timings: null,
});
const numbered = (first: number, ...events: StreamEvent[]): Numbered[] => events.map((event, at) => ({ id: first + at, event }));

function tileOf(who: Participant): { tile: Tile; frames: Frames; events: Events; written: string[] } {
  const [frames, events, written] = [new Frames(), new Events(), [] as string[]];
  const tile = new Tile(who, events, frames);
  tile.draw((text) => written.push(text));
  return { tile, frames, events, written };
}

test("a tile in sight is drawn once a frame, however much arrives", () => {
  const { tile, frames, events, written } = tileOf(person(1, { stream_id: "a" }));
  tile.setInSight(true);
  tile.attach();
  const reader = events.readers.get("a");
  reader?.take(numbered(1, metadata, chunk("One ")));
  reader?.take(numbered(3, chunk("two "), chunk("three")));
  frames.next();
  frames.next();
  expect(written).toEqual(["One two three"]);
});

test("a tile out of sight is not drawn, and is complete as soon as it is seen", () => {
  const { tile, frames, events, written } = tileOf(person(1, { stream_id: "a" }));
  tile.attach();
  events.readers.get("a")?.take(numbered(1, metadata, chunk("Hello")));
  frames.next();
  expect(written).toEqual([]);
  tile.setInSight(true);
  frames.next();
  expect(written).toEqual(["Hello"]);
});

test("a tile at rest shows the end of the last reply, and a new reply begins empty", () => {
  const { tile, frames, events, written } = tileOf(person(1, { last: "Before." }));
  tile.setInSight(true);
  frames.next();
  tile.meet(person(1, { stream_id: "a" }));
  tile.attach();
  frames.next();
  events.readers.get("a")?.take(numbered(1, metadata, chunk("Now.")));
  frames.next();
  expect(written).toEqual(["Before.", "", "Now."]);
});

test("after its end a reply stays, and is not read again", () => {
  const { tile, frames, events, written } = tileOf(person(1, { stream_id: "a" }));
  tile.setInSight(true);
  tile.attach();
  events.readers.get("a")?.take(numbered(1, metadata, chunk("Hal"), done("Half of it.")));
  frames.next();
  tile.attach();
  expect([written.at(-1), tile.isRunning, events.readers.size]).toEqual(["Half of it.", false, 0]);
});

test.each([
  ["read to its end, and another one since", [metadata, chunk("Old."), done("Old.")], "New."],
  ["not read at all", [], "Yes."],
  ["cut off before its end", [metadata, chunk("The beginning")], "The beginning and the end."],
])("of a reply that was %s the tile shows what the gateway knows", (_what, read, last) => {
  const { tile, events } = tileOf(person(1, { stream_id: "a", last: "Before." }));
  tile.attach();
  events.readers.get("a")?.take(numbered(1, ...read));
  expect(tile.text).not.toBe("Before.");
  tile.meet(person(1, { messages: 4, last }));
  expect(tile.text).toBe(last);
});

test("what is missing in between is asked for again", () => {
  const { tile, events } = tileOf(person(1, { stream_id: "a" }));
  tile.attach();
  const reader = events.readers.get("a");
  expect(reader?.take(numbered(1, metadata))).toBe(true);
  expect(reader?.take(numbered(5, chunk("later")))).toBe(false);
  expect(reader?.last).toBe(1);
});

test("a long reply is drawn by its end, which begins at the same place for a while", () => {
  const { tile, events } = tileOf(person(1, { stream_id: "a" }));
  tile.attach();
  const reader = events.readers.get("a");
  reader?.take(numbered(1, metadata));
  const starts = new Set<number>();
  for (let n = 2; n < 1002; n++) {
    reader?.take(numbered(n, chunk("word ")));
    expect(tile.text.endsWith(tile.end)).toBe(true);
    expect(tile.end.length).toBeLessThanOrEqual(2 * DRAWN_UNITS);
    starts.add(tile.text.length - tile.end.length);
  }
  expect(starts.size).toBeLessThan(10);
});

test.each([
  ["after a line", `${"x".repeat(50)}\nnext ${"y".repeat(99)}`, 10, 51],
  ["after a word", `${"x".repeat(50)} ${"y".repeat(99)}`, 10, 51],
  ["between characters, never inside of one", "😀".repeat(800), 11, 12],
])("a text is cut %s", (_where, text, near, at) => {
  expect(beginning(text, near)).toBe(at);
});

async function viewOf(people: Participant[], room: Room = ROOM) {
  const [events, frames] = [new Events(), new Frames()];
  const answers = { room, people, problem: null as Error | null, asked: 0 };
  const calls = {
    read: () => {
      answers.asked++;
      return answers.problem === null ? Promise.resolve(answers.room) : Promise.reject(answers.problem);
    },
    participants: () => Promise.resolve(answers.people),
  };
  const view = new RoomView(5, events, calls, (error) => error instanceof RangeError, frames);
  const end = view.start();
  await view.load();
  return { view, events, frames, answers, end };
}

test("an owner reads all running replies, those in sight first, as many as a connection follows", async () => {
  const people = Array.from({ length: 100 }, (_, at) => person(at, { stream_id: `run${at}` }));
  const { view, events } = await viewOf(people);
  expect(events.readers.size).toBe(MOST_READ);
  view.see(new Map([[99, true]]));
  expect(events.readers.size).toBe(MOST_READ);
  expect(events.readers.has("run99")).toBe(true);
});

test("whoever joins has a tile, and whoever begins to be answered is read", async () => {
  const { view, events } = await viewOf([person(1)]);
  events.say({ type: "participant", room_id: 5, participant: person(2) });
  events.say({ type: "participant", room_id: 5, participant: person(1, { stream_id: "a" }) });
  expect(view.tiles.map(({ person: { name } }) => name)).toEqual(["Guest 1", "Guest 2"]);
  expect([...events.readers.keys()]).toEqual(["a"]);
  expect(counts(view.tiles)).toEqual({ people: 2, running: 1 });
});

test("the next reply of somebody is read in the place of the last one", async () => {
  const { view, events } = await viewOf([person(1, { stream_id: "a" })]);
  events.say({ type: "participant", room_id: 5, participant: person(1, { stream_id: "b" }) });
  expect([...events.readers.keys()]).toEqual(["b"]);
  expect(view.of(1)?.text).toBe("");
});

test("a frame of the room leaves what is only mine as it was", async () => {
  const { view, events } = await viewOf([]);
  events.say({ type: "room", room_id: 5, room: { ...ROOM, role: "participant", code: null, state: "paused" } });
  expect([view.room?.role, view.room?.code, view.room?.state]).toEqual(["owner", "K7QF-2M9X", "paused"]);
});

test("frames of another room change nothing", async () => {
  const { view, events } = await viewOf([]);
  events.say({ type: "room", room_id: 6, room: { ...ROOM, id: 6, state: "paused" } });
  events.say({ type: "participant", room_id: 6, participant: person(1) });
  events.say({ type: "closed", room_id: 6 });
  expect([view.room?.state, view.tiles.length, view.isGone]).toEqual(["open", 0, false]);
});

test("a message and a projection are shown, and taken away", async () => {
  const { view, events } = await viewOf([person(1)]);
  events.say({ type: "message", room_id: 5, text: "Five minutes." });
  events.say({ type: "project", room_id: 5, session_id: 101 });
  expect([view.room?.message, view.ofSession(view.room?.projected ?? null)?.person.name]).toEqual(["Five minutes.", "Guest 1"]);
  events.say({ type: "message", room_id: 5, text: "" });
  events.say({ type: "project", room_id: 5, session_id: null });
  expect([view.room?.message, view.room?.projected]).toEqual([null, null]);
});

test("a room that is closed lets go of everything", async () => {
  const { view, events } = await viewOf([person(1, { stream_id: "a" })]);
  events.say({ type: "closed", room_id: 5 });
  expect([view.isGone, view.tiles.length, events.readers.size]).toEqual([true, 0, 0]);
});

test("a room that came into sight is read anew, after what is on its way", async () => {
  const { view, events, answers } = await viewOf([person(1)]);
  const before = answers.asked;
  events.say({ type: "followed", room_id: 5 });
  events.say({ type: "followed", room_id: 5 });
  answers.room = { ...ROOM, state: "paused" };
  await eventually(() => expect(answers.asked).toBe(before + 2));
  await eventually(() => expect(view.room?.state).toBe("paused"));
});

test("a room that is closed is not asked for any more", async () => {
  const { events, answers } = await viewOf([person(1)]);
  const before = answers.asked;
  events.say({ type: "closed", room_id: 5, reason: "removed" });
  events.missed();
  expect([events.room, answers.asked]).toEqual([null, before]);
});

test("who may not read the room any more is told that it is gone; who cannot reach it is told that", async () => {
  const { view, events, answers } = await viewOf([person(1)]);
  answers.problem = new Error("Can’t reach LAM Studio.");
  events.missed();
  await view.load();
  expect([view.isGone, view.problem?.message, view.tiles.length]).toEqual([false, "Can’t reach LAM Studio.", 1]);
  answers.problem = new RangeError("404");
  await view.load();
  expect([view.isGone, view.problem, view.tiles.length]).toEqual([true, null, 0]);
});

test("a participant's own run is left to their own conversation", async () => {
  const room: Room = { ...ROOM, role: "participant", code: null, shows_others: true, session_id: 101 };
  const { view, events } = await viewOf([person(1, { stream_id: "mine" }), person(2, { stream_id: "other" })], room);
  expect([...events.readers.keys()]).toEqual(["other"]);
  expect(view.own?.person.name).toBe("Guest 1");
});

test("who is shown to all is met by whoever sees nobody else", async () => {
  const room: Room = { ...ROOM, role: "participant", code: null, session_id: 101 };
  const { view, events } = await viewOf([person(1)], room);
  events.say({ type: "project", room_id: 5, session_id: 102, participant: person(2, { stream_id: "a" }) });
  expect(view.ofSession(102)?.person.name).toBe("Guest 2");
  expect([...events.readers.keys()]).toEqual(["a"]);
});

test("what happens while the room is read anew is newer than the answer", async () => {
  const { view, events } = await viewOf([person(1)]);
  const load = view.load();
  events.say({ type: "participant", room_id: 5, participant: person(1, { stream_id: "a" }) });
  events.say({ type: "participant", room_id: 5, participant: person(2) });
  await load;
  expect(view.tiles.map(({ person: { stream_id } }) => stream_id)).toEqual(["a", null]);
});

test("where participants no longer see each other, the others go", async () => {
  const room: Room = { ...ROOM, role: "participant", shows_others: true, code: null };
  const { view, events, answers } = await viewOf([person(1), person(2)], room);
  expect(view.tiles.length).toBe(2);
  answers.people = [];
  events.say({ type: "room", room_id: 5, room: { ...room, shows_others: false } });
  expect(view.tiles).toEqual([]);
});

test("a page that leaves the room reads nothing of it", async () => {
  const { events, end } = await viewOf([person(1, { stream_id: "a" })]);
  end();
  expect([events.room, events.readers.size]).toEqual([null, 0]);
});

test.each([
  [{ type: "progress", stage: "queued", position: 3 } as const, "Waiting, 3 ahead"],
  [{ type: "progress", stage: "prompt" } as const, "Reading"],
  [{ type: "thinking", content: "hm" } as const, "Thinking"],
  [chunk("Text"), "Writing"],
])("a tile says what its participant is at: %j", (event, said) => {
  const { tile, events } = tileOf(person(1, { stream_id: "a" }));
  tile.attach();
  events.readers.get("a")?.take(numbered(1, metadata, event));
  expect(standing(tile)).toBe(said);
});

test.each([
  ["k7qf2m9x", "K7QF-2M9X"],
  [" k7qf – 2m9x ", "K7QF-2M9X"],
  ["K7QF-2M9X", "K7QF-2M9X"],
  ["K7Q", "K7Q"],
  ["٣!", ""],
])("a code is read whatever is typed between its letters: %j", (typed, code) => {
  expect(asCode(typed)).toBe(code);
});

test("the form of a room leaves out what is empty, and its last day ends at midnight where the reader is", () => {
  const fields = new FormData();
  for (const [name, value] of [
    ["title", " Physics "],
    ["template", ""],
    ["minutes", "45"],
    ["tokens_per_day", ""],
    ["requests_per_minute", "6"],
    ["task", "maze small"],
    ["until", "2026-12-24"],
  ] as const)
    fields.set(name, value);
  expect(roomIn(fields)).toEqual({
    title: "Physics",
    template_id: null,
    models: [],
    budget: { tokens_per_day: null, requests_per_minute: 6 },
    seconds: 2700,
    task: { kind: "maze", set: "small" },
    expires_at: new Date("2026-12-24T23:59:59").toISOString(),
    shows_others: false,
  });
  expect(endOf(dayIn(1)) > new Date().toISOString()).toBe(true);
});
