/** Push-to-talk: held or pressed twice, what was said becomes text; nothing listens longer than it should. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ApiError } from "../src/api/http";
import { notices } from "../src/stores/notices";
import { Recorder } from "../src/stores/recorder";
import { words } from "../src/words";
import { eventually } from "./eventually";

/** A recorder that hands over one piece when it is stopped. */
class Media {
  static readonly isTypeSupported = (kind: string): boolean => kind === "audio/mp4";
  state = "inactive";
  readonly mimeType = "audio/mp4";
  ondataavailable: ((event: { data: Blob }) => void) | null = null;
  onstop: (() => void) | null = null;

  start(): void {
    this.state = "recording";
  }

  stop(): void {
    this.state = "inactive";
    this.ondataavailable?.({ data: new Blob(["sound"]) });
    this.onstop?.();
  }
}

const track = { stop: vi.fn() };
const stream = { getTracks: () => [track] } as unknown as MediaStream;
let now = 0;

beforeEach(() => {
  track.stop.mockClear();
  now = 1000;
  vi.stubGlobal("MediaRecorder", Media);
  vi.spyOn(performance, "now").mockImplementation(() => now);
});

afterEach(() => vi.restoreAllMocks());

test("held, it records until it is let go, and the text goes to whoever asked", async () => {
  const write = vi.fn((recording: Blob) => Promise.resolve(`${recording.type} ${recording.size}`));
  const recorder = new Recorder(() => Promise.resolve(stream), write);
  const take = vi.fn();
  recorder.press(take);
  expect(recorder.state).toBe("asking");
  await eventually(() => expect(recorder.state).toBe("listening"));
  now += 2_000;
  recorder.release();
  await eventually(() => expect(recorder.state).toBe("idle"));
  expect(take.mock.calls).toEqual([["audio/mp4 5"]]);
  expect(track.stop).toHaveBeenCalledTimes(1);
});

test("pressed shortly, it listens until it is pressed again", async () => {
  const take = vi.fn();
  const recorder = new Recorder(
    () => Promise.resolve(stream),
    () => Promise.resolve("hello"),
  );
  recorder.press(take);
  await eventually(() => expect(recorder.state).toBe("listening"));
  now += 100;
  recorder.release();
  expect(recorder.state).toBe("listening");
  now += 5_000;
  recorder.press(take);
  await eventually(() => expect(take).toHaveBeenCalledWith("hello"));
  expect(recorder.state).toBe("idle");
});

test("let go before the microphone is there, or cancelled, nothing is written and nothing listens", async () => {
  const write = vi.fn(() => Promise.resolve("hello"));
  const opened: ((stream: MediaStream) => void)[] = [];
  const recorder = new Recorder(() => new Promise((resolve) => opened.push(resolve)), write);
  const take = vi.fn();
  recorder.press(take);
  now += 1_000;
  recorder.release();
  expect(recorder.state).toBe("idle");
  opened[0]?.(stream);
  await eventually(() => expect(track.stop).toHaveBeenCalledTimes(1));

  recorder.press(take);
  opened[1]?.(stream);
  await eventually(() => expect(recorder.state).toBe("listening"));
  recorder.cancel();
  await eventually(() => expect(track.stop).toHaveBeenCalledTimes(2));
  expect([recorder.state, write.mock.calls, take.mock.calls]).toEqual(["idle", [], []]);
});

test("a microphone that is forbidden, silence, and a gateway that fails are said in a sentence", async () => {
  const forbidden = Object.assign(new Error("no"), { name: "NotAllowedError" });
  const recorders = [
    new Recorder(() => Promise.reject(forbidden)),
    new Recorder(
      () => Promise.resolve(stream),
      () => Promise.resolve(" "),
    ),
    new Recorder(
      () => Promise.resolve(stream),
      () => Promise.reject(new ApiError(503, "busy", "Try later.")),
    ),
  ];
  const shown: (string | undefined)[] = [];
  for (const recorder of recorders) {
    recorder.press(() => expect.unreachable());
    await eventually(() => expect(recorder.state).not.toBe("asking"));
    now += 1_000;
    recorder.release();
    await eventually(() => expect(recorder.state).toBe("idle"));
    shown.push(recorder.unwritten?.reason ?? notices.get().at(-1)?.text);
  }
  expect(shown).toEqual([words.speech.microphoneForbidden, words.speech.nothingHeard, words.speech.notWritten("Try later.")]);
});

test("what could not be written down is kept until it is, or is dropped", async () => {
  const answers = [new ApiError(503, "busy", "Try later."), new ApiError(503, "busy", "Still busy."), "one", "two"];
  const write = vi.fn(() => {
    const answer = answers.shift();
    return typeof answer === "string" ? Promise.resolve(answer) : Promise.reject(answer ?? new Error("asked too often"));
  });
  const recorder = new Recorder(() => Promise.resolve(stream), write);
  const take = vi.fn();
  for (const reason of ["Try later.", "Still busy."]) {
    recorder.press(take);
    await eventually(() => expect(recorder.state).toBe("listening"));
    now += 1_000;
    recorder.release();
    await eventually(() => expect(recorder.unwritten?.reason).toBe(words.speech.notWritten(reason)));
    await eventually(() => expect(recorder.state).toBe("idle"));
  }
  expect(recorder.unwritten?.sounds).toHaveLength(2);
  recorder.retry(take);
  recorder.cancel(); // Esc ends the attempt, and the recordings stay
  expect([recorder.state, recorder.unwritten?.sounds.length]).toEqual(["idle", 2]);
  answers.unshift("one");
  recorder.retry(take);
  expect(recorder.state).toBe("writing");
  await eventually(() => expect(recorder.state).toBe("idle"));
  expect([take.mock.calls, recorder.unwritten]).toEqual([[["one"], ["two"]], null]);
  recorder.retry(take);
  expect(recorder.state).toBe("idle");
});
