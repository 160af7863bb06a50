/** The people of a session: answers and frames in, who is there and what they do out. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ApiError } from "../src/api/http";
import { reacted, type Member, type Presence } from "../src/api/together";
import { Gatherings, type Gathering, type TogetherEvent, type Wire } from "../src/stores/together";
import { words } from "../src/words";

function member(user_id: number, name: string, more: Partial<Member> = {}): Member {
  return {
    user_id,
    name,
    colour: user_id % 8,
    initials: name.slice(0, 1),
    role: "watch",
    is_guest: false,
    is_me: false,
    presence: "here",
    reading: null,
    wants_to_steer: false,
    joined_at: "2026-11-29T08:00:00Z",
    ...more,
  };
}

const ME = member(1, "Ina", { role: "owner", is_me: true });
const ANA = member(2, "Ana", { role: "steer" });
const BEN = member(3, "Ben");

/** The gateway's end: each question waits until it is answered. */
class Gateway implements Wire {
  questions: ((answer: Member[] | ApiError) => void)[] = [];
  said: string[] = [];

  members = (): Promise<Member[]> =>
    new Promise((resolve, reject) => {
      this.questions.push((answer) => (answer instanceof ApiError ? reject(answer) : resolve(answer)));
    });

  typing = (): Promise<void> => {
    this.said.push("typing");
    return Promise.resolve();
  };

  reading = (_session: number, message: number): Promise<void> => {
    this.said.push(`reading ${message}`);
    return Promise.resolve();
  };

  async answers(answer: Member[] | ApiError): Promise<void> {
    this.questions.shift()?.(answer);
    await vi.advanceTimersByTimeAsync(0);
  }
}

type Frame = TogetherEvent extends infer E ? (E extends TogetherEvent ? Omit<E, "session_id"> : never) : never;

let gateway: Gateway;
let gatherings: Gatherings;
let gathering: Gathering;
let leave: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  gateway = new Gateway();
  gatherings = new Gatherings(gateway);
  gathering = gatherings.of(7);
  leave = gathering.watch();
});

afterEach(() => {
  leave();
  vi.useRealTimers();
});

function hear(frame: Frame, session_id = 7): void {
  gatherings.session({ ...frame, session_id });
}

function presence(user_id: number, now: Presence): void {
  hear({ type: "presence", user_id, presence: now });
}

const present = (): (Presence | undefined)[] => (gathering.members ?? []).map((one) => one.presence);

test("who is there is asked for, and one person alone is no company", async () => {
  expect([gathering.role, gathering.isShared]).toEqual([undefined, false]);
  await gateway.answers([ME]);
  expect([gathering.role, gathering.isShared]).toEqual(["owner", false]);
});

test("who is there is asked for again when the session comes into sight again", async () => {
  await gateway.answers([ME]);
  gatherings.session({ type: "followed", session_id: 7, active_message_id: null, stream_id: null });
  await gateway.answers([ME, ANA]);
  expect(gathering.isShared).toBe(true);
});

test("others are told whether somebody is here only where there are others, and somebody looks", async () => {
  await gateway.answers([ME]);
  expect(gatherings.isCompany).toBe(false);
  hear({ type: "members" });
  await gateway.answers([ME, ANA]);
  expect(gatherings.isCompany).toBe(true);
  leave();
  expect(gatherings.isCompany).toBe(false);
  leave = gathering.watch();
});

test("a frame of another session changes nothing", async () => {
  await gateway.answers([ME, ANA]);
  gatherings.session({ type: "presence", user_id: 2, presence: "left", session_id: 8 });
  expect(present()).toEqual(["here", "here"]);
});

test("a frame that comes while an answer is on its way holds against the answer", async () => {
  presence(2, "away");
  hear({ type: "reading", user_id: 2, message_id: 12 });
  await gateway.answers([ME, ANA, BEN]);
  expect(present()).toEqual(["here", "away", "here"]);
  expect(gathering.readersOf(12).map(({ name }) => name)).toEqual(["Ana"]);
});

test("what changes while an answer is on its way is asked for once more, and once only", async () => {
  hear({ type: "members" });
  hear({ type: "members" });
  await gateway.answers([ME]);
  expect(gateway.questions.length).toBe(1);
  await gateway.answers([ME, ANA]);
  expect([gathering.members?.length, gateway.questions.length]).toEqual([2, 0]);
});

test("an answer that does not come leaves what is known", async () => {
  await gateway.answers([ME, ANA]);
  hear({ type: "members" });
  await gateway.answers(new ApiError(0, "gateway_unreachable", "?"));
  expect(gathering.members?.length).toBe(2);
  gatherings.missed();
  await gateway.answers([ME, ANA, BEN]);
  expect(gathering.members?.length).toBe(3);
});

test("whoever types does so for a while, and no longer once they send or go", async () => {
  await gateway.answers([ME, ANA, BEN]);
  const typing = (): string[] => gathering.typing.map(({ name }) => name);
  hear({ type: "typing", user_id: 1 });
  hear({ type: "typing", user_id: 2 });
  hear({ type: "typing", user_id: 3 });
  hear({ type: "typing", user_id: 99 });
  expect(typing()).toEqual(["Ana", "Ben"]);
  presence(3, "left");
  expect(typing()).toEqual(["Ana"]);
  await vi.advanceTimersByTimeAsync(4_000);
  hear({ type: "typing", user_id: 2 });
  await vi.advanceTimersByTimeAsync(4_000);
  expect(typing()).toEqual(["Ana"]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(typing()).toEqual([]);
  hear({ type: "typing", user_id: 2 });
  gathering.sent(2);
  expect(typing()).toEqual([]);
});

test("typing is said now and then, reading after a pause and once; to nobody where nobody else is", async () => {
  await gateway.answers([ME]);
  gathering.type(0);
  gathering.reads(4);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(gateway.said).toEqual([]);
  hear({ type: "members" });
  await gateway.answers([ME, ANA]);
  for (const now of [10_000, 11_000, 12_900, 13_000]) gathering.type(now);
  for (const message of [4, 5, 6]) gathering.reads(message);
  await vi.advanceTimersByTimeAsync(2_000);
  gathering.reads(6);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(gateway.said).toEqual(["typing", "typing", "reading 6"]);
});

test("who comes and goes is gathered into one sentence, and who only blinks is not worth a word", async () => {
  await gateway.answers([ME, member(2, "Ana", { presence: "left" }), BEN]);
  presence(2, "here");
  presence(3, "left");
  presence(3, "here");
  presence(1, "away");
  hear({ type: "members" });
  await gateway.answers([ME, ANA, BEN, member(4, "Cem")]);
  expect(gathering.announcement).toBe("");
  await vi.advanceTimersByTimeAsync(3_000);
  expect(gathering.announcement).toBe(words.together.came(["Ana", "Cem"]));
  presence(3, "away"); // it looks elsewhere
  await vi.advanceTimersByTimeAsync(3_000);
  expect(gathering.announcement).toBe(words.together.came(["Ana", "Cem"]));
  presence(3, "left");
  await vi.advanceTimersByTimeAsync(3_000);
  expect(gathering.announcement).toBe(words.together.went(["Ben"]));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(gathering.announcement).toBe("");
});

test("whoever is taken out hears it once, and says nothing more", async () => {
  await gateway.answers([ME, ANA]);
  gathering.reads(5);
  hear({ type: "removed" });
  expect([gathering.isRemoved, gathering.members, gathering.role]).toEqual([true, undefined, undefined]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(gateway.said).toEqual([]);
});

test("a session that is gone for whoever was in it means that they were taken out", async () => {
  await gateway.answers(new ApiError(404, "not_found", "?"));
  expect(gathering.isRemoved).toBe(false); // perhaps it never was theirs
  hear({ type: "members" });
  await gateway.answers([ME, ANA]);
  hear({ type: "members" });
  await gateway.answers(new ApiError(404, "not_found", "?"));
  expect(gathering.isRemoved).toBe(true);
});

test("a guest who is no longer known was taken out, also where this page slept meanwhile", async () => {
  await gateway.answers([member(1, "Ina", { is_me: true, is_guest: true }), ANA]);
  gatherings.refused();
  await gateway.answers(new ApiError(401, "unauthorized", "?"));
  expect(gathering.isRemoved).toBe(true);
});

test("whose log-in ends was not taken out, and finds the conversation again", async () => {
  await gateway.answers([ME, ANA]);
  gatherings.refused();
  await gateway.answers(new ApiError(401, "unauthorized", "?"));
  expect([gathering.isRemoved, gathering.members]).toEqual([false, [ME, ANA]]);
});

test("each lead is a new one, also to the same message", async () => {
  await gateway.answers([ME, ANA]);
  hear({ type: "follow", user_id: 2, message_id: 9 });
  const first = gathering.lead;
  hear({ type: "follow", user_id: 2, message_id: 9 });
  expect([first?.by?.name, first?.message, gathering.lead === first]).toEqual(["Ana", 9, false]);
});

test("a sign is put on a message and taken away, and the others' stay", () => {
  const message = { id: 1, reactions: [{ emoji: "👍", count: 2, mine: false }] };
  const on = reacted(reacted(message, "👍", true), "🎉", true);
  expect(on.reactions).toEqual([
    { emoji: "👍", count: 3, mine: true },
    { emoji: "🎉", count: 1, mine: true },
  ]);
  expect(reacted(reacted(on, "🎉", false), "👍", false).reactions).toEqual(message.reactions);
  expect(reacted(on, "👍", true)).toEqual(on);
});

test("who types is seen as soon as it is known who that is", async () => {
  hear({ type: "typing", user_id: 2 });
  hear({ type: "typing", user_id: 1 });
  expect(gathering.typing).toEqual([]);
  await gateway.answers([ME, ANA]);
  expect(gathering.typing.map(({ name }) => name)).toEqual(["Ana"]);
  hear({ type: "typing", user_id: 3 });
  expect(gathering.typing.map(({ name }) => name)).toEqual(["Ana"]);
  hear({ type: "members" });
  await gateway.answers([ME, ANA, BEN]);
  expect(gathering.typing.map(({ name }) => name)).toEqual(["Ana", "Ben"]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(gathering.typing).toEqual([]);
});

test("a crowd is asked for less often, and the last change is asked for", async () => {
  const crowd = Array.from({ length: 100 }, (_, at) => member(at + 10, `Guest ${at}`));
  await gateway.answers([ME, ...crowd]);
  for (let at = 0; at < 50; at++) hear({ type: "members" });
  expect(gateway.questions).toHaveLength(0);
  presence(10, "away");
  expect(gathering.member(10)?.presence).toBe("away");
  await vi.advanceTimersByTimeAsync(2_100);
  expect(gateway.questions).toHaveLength(1);
  await gateway.answers([ME, ...crowd, BEN]);
  expect(gathering.member(3)?.name).toBe("Ben");
});
