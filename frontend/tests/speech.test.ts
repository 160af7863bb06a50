/** Reading aloud: what is spoken, in which order, never twice, and silent when it has to be. */

import { beforeEach, expect, test, vi } from "vitest";

import type { LiveReply } from "../src/stores/conversation";
import { notices } from "../src/stores/notices";
import { ofText, Speech, type Source } from "../src/stores/speech";
import { SpeechChoices } from "../src/stores/speech-settings";
import { GatewayVoice, languageOf, type Manner, type Voice } from "../src/stores/voices";
import { eventually } from "./eventually";

/** A voice that says when it is told to go on. */
class Said implements Voice {
  readonly spoken: string[] = [];
  readonly prepared: string[] = [];
  readonly manners: Manner[] = [];
  isSilent = true;
  fails = false;
  private end: (() => void) | null = null;

  prepare(text: string): void {
    this.prepared.push(text);
  }

  speak(text: string, manner: Manner, signal: AbortSignal): Promise<void> {
    if (this.fails) return Promise.reject(new Error("It is broken."));
    this.spoken.push(text);
    this.manners.push(manner);
    this.isSilent = false;
    return new Promise((resolve) => {
      this.end = () => {
        this.isSilent = true;
        resolve();
      };
      signal.addEventListener("abort", this.end);
    });
  }

  /** Ends the sentence that is being spoken. */
  async goOn(): Promise<void> {
    this.end?.();
    await settled();
  }
}

class Growing implements Source {
  isOver = false;
  wasStopped = false;
  written = "";
  private readonly listeners = new Set<() => void>();

  text = (): string => this.written;
  isGrowing = (): boolean => !this.isOver;
  isStopped = (): boolean => this.wasStopped;
  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  async become(text: string, isOver = false): Promise<void> {
    this.written = text;
    this.isOver = isOver;
    for (const listener of this.listeners) listener();
    await settled();
  }
}

class Memory<T> {
  readonly kept = new Map<number | null, T>();
  get = (id: number | null): T | undefined => this.kept.get(id);
  set = (id: number | null, value: T): void => void this.kept.set(id, value);
  delete = (id: number | null): void => void this.kept.delete(id);
}

const VOICES: SpeechSynthesisVoice[] = [
  { name: "Stand-in", lang: "en-GB", voiceURI: "stand-in", default: true, localService: true },
];

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

function made({ voices = VOICES } = {}) {
  const [gateway, browser, choices] = [new Said(), new Said(), new SpeechChoices()];
  const kept = new Memory<{ reply: string; said: number }>();
  const channel = { postMessage: vi.fn(), onmessage: null as BroadcastChannel["onmessage"] };
  const speech = new Speech(choices, gateway, browser, () => voices, kept, channel);
  return { speech, gateway, browser, choices, kept, channel };
}

/** A reply on its way, as the store of a conversation has it. */
function live(isFresh: boolean, metadata: object = {}) {
  const source = new Growing();
  const snapshot = { metadata: { assistant_message_id: 7, ...metadata }, terminal: null, text: "" };
  const stream = {
    get snapshot() {
      return { ...snapshot, text: source.written };
    },
    get over() {
      return source.isOver;
    },
    stoppedAt: null,
    isOwn: true,
    subscribe: source.subscribe,
  };
  return { source, reply: { stream, isFresh, asked: null, hides: null } as unknown as LiveReply };
}

beforeEach(() => {
  const kept = new Map<string, string>();
  vi.stubGlobal("localStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => kept.set(name, value),
    removeItem: (name: string) => kept.delete(name),
  });
});

test("a stored reply is spoken sentence by sentence, code by its name, to its end", async () => {
  const { speech, browser } = made();
  speech.read(1, "7", ofText("It **rains**. Take this:\n\n```\nx\n```"));
  for (const at of [0, 1, 2]) {
    expect([speech.reading?.at, browser.spoken.length]).toEqual([at, at + 1]);
    await browser.goOn();
  }
  expect(browser.spoken).toEqual(["It rains.", "Take this:", "code"]);
  expect(speech.reading).toBeNull();
});

test("a growing reply is spoken as soon as a sentence is certain, while later ones arrive", async () => {
  const { speech, browser } = made();
  const source = new Growing();
  await source.become("It rain");
  speech.read(1, "7", source);
  expect(browser.spoken).toEqual([]);
  await source.become("It rains. Wai");
  expect(browser.spoken).toEqual(["It rains."]);
  await source.become("It rains. Wait here. I will", false);
  await browser.goOn();
  expect(browser.spoken).toEqual(["It rains.", "Wait here."]);
  expect(browser.prepared).toContain("Wait here.");
  await source.become("It rains. Wait here. I will", true);
  await browser.goOn();
  await browser.goOn();
  expect(browser.spoken).toEqual(["It rains.", "Wait here.", "I will"]);
  expect(speech.reading).toBeNull();
});

test("a stream that is read anew says nothing twice, and another text is said from where it differs", async () => {
  const { speech, browser } = made();
  const source = new Growing();
  speech.read(1, "7", source);
  await source.become("One. Two. Thr");
  await browser.goOn();
  await source.become(""); // rebuilt: it starts over
  await source.become("One. T");
  await browser.goOn();
  await source.become("One. Two. Three. F");
  expect(browser.spoken).toEqual(["One.", "Two.", "Three."]);
  await source.become("Quite another. Text", true); // what was said so far was the model's thoughts
  await browser.goOn();
  await browser.goOn();
  expect(browser.spoken.slice(3)).toEqual(["Quite another.", "Text"]);
});

test("after a reload a reply is read on behind what was said, and one that was begun elsewhere is not read", async () => {
  const { speech, browser, choices, kept } = made();
  choices.change(null, { auto: true });
  kept.set(1, { reply: "7", said: 2 });
  const { source, reply } = live(false);
  speech.attend(1, reply);
  await source.become("One. Tw");
  expect(browser.spoken).toEqual([]);
  await source.become("One. Two. Three. Four");
  expect(browser.spoken).toEqual(["Three."]);
  const other = live(false, { assistant_message_id: 8 });
  speech.attend(1, other.reply);
  await other.source.become("Begun elsewhere. Not r");
  expect(browser.spoken).toEqual(["Three."]);
});

test("a new reply is read where the session wants it; one that goes on, from where it goes on", async () => {
  const { speech, browser, choices } = made();
  const first = live(true);
  speech.attend(1, first.reply);
  await first.source.become("Not wanted. No");
  expect(browser.spoken).toEqual([]);
  choices.change(1, { auto: true });
  const second = live(true, { assistant_message_id: 9, continues: "Said before. And".length });
  speech.attend(1, second.reply);
  await second.source.become("Said before. And now. M");
  expect(browser.spoken).toEqual(["And now."]);
});

test("a reply that begins while another is read waits for its turn; after a stop it is not read", async () => {
  for (const isStopped of [false, true]) {
    const { speech, browser, choices } = made();
    choices.change(null, { auto: true });
    speech.read(1, "6", ofText("One. Two."));
    const { source, reply } = live(true);
    speech.attend(1, reply);
    await source.become("Next. An");
    if (isStopped) speech.stop();
    await browser.goOn();
    await browser.goOn();
    expect(browser.spoken).toEqual(isStopped ? ["One."] : ["One.", "Two.", "Next."]);
  }
});

test("stop is silent in the same moment, says nothing more, and forgets the reply", async () => {
  const { speech, browser, kept } = made();
  const source = new Growing();
  speech.read(1, "7", source);
  await source.become("One. Two. T");
  expect(kept.get(1)).toEqual({ reply: "7", said: 1 });
  speech.stop();
  expect(browser.isSilent).toBe(true);
  await source.become("One. Two. Three. F");
  expect([browser.spoken, speech.reading, kept.get(1)]).toEqual([["One."], null, undefined]);
});

test("a reply that is stopped elsewhere, another tab that speaks, and a session that is left make it silent", async () => {
  for (const silence of ["stopped", "tab", "left"]) {
    const { speech, browser, channel } = made();
    const source = new Growing();
    speech.read(1, "7", source);
    await source.become("One. Two. T");
    if (silence === "stopped") {
      source.wasStopped = true;
      await source.become("One. Two. T", true);
    } else if (silence === "tab") {
      const hear = (at: number): void => {
        channel.onmessage?.call(channel as unknown as BroadcastChannel, new MessageEvent("message", { data: at }));
      };
      hear(1); // it began earlier: that tab falls silent
      expect(browser.isSilent).toBe(false);
      hear(Date.now() + 1000);
    } else speech.leave(1);
    expect([silence, browser.isSilent, browser.spoken, speech.reading]).toEqual([silence, true, ["One."], null]);
  }
});

test("the gateway's voice speaks where it is offered; when it fails, the browser's says the same sentence", async () => {
  const { speech, gateway, browser } = made();
  speech.offer({ speech: true, transcription: false });
  speech.read(1, "7", ofText("One. Two. Three."));
  expect(gateway.prepared).toEqual(["Two."]);
  gateway.fails = true;
  await gateway.goOn();
  expect([gateway.spoken, browser.spoken]).toEqual([["One."], ["Two."]]);
  await browser.goOn();
  expect(browser.spoken).toEqual(["Two.", "Three."]);
  expect(notices.get().at(-1)?.text).toContain("It is broken.");
});

test("where nobody else can speak, a failure ends the reading and says why", async () => {
  const { speech, gateway } = made({ voices: [] });
  expect(speech.canSpeak).toBe(false);
  speech.offer({ speech: true, transcription: false });
  expect(speech.canSpeak).toBe(true);
  gateway.fails = true;
  speech.read(1, "7", ofText("One. Two."));
  await settled();
  expect([speech.reading, gateway.spoken]).toEqual([null, []]);
});

test("a session has its own speed and voice, else those of all", () => {
  const { speech, browser, choices } = made();
  choices.change(null, { speed: 1.5, voice: "browser:stand-in" });
  choices.change(2, { speed: 0.5 });
  speech.read(1, "7", ofText("One."));
  speech.read(2, "8", ofText("One."));
  expect(browser.manners).toEqual([
    { speed: 1.5, voice: "stand-in" },
    { speed: 0.5, voice: "stand-in" },
  ]);
  choices.change(2, { speed: undefined });
  expect(new SpeechChoices().of(2)).toEqual({ auto: false, speed: 1.5, voice: "browser:stand-in" });
});

test("the gateway's sounds are played in order, the next is fetched while one plays, and silence drops both", async () => {
  const fetched: string[] = [];
  const signals: AbortSignal[] = [];
  const audio = { play: () => Promise.resolve(), pause: vi.fn(), src: "", onended: null as (() => void) | null };
  const fetchSound = (text: string, _speed: number, signal: AbortSignal): Promise<Blob> => {
    fetched.push(text);
    signals.push(signal);
    return Promise.resolve(new Blob([text]));
  };
  const voice = new GatewayVoice(fetchSound, () => audio as unknown as HTMLAudioElement);
  const manner = { voice: "", speed: 1 };
  const ending = new AbortController();
  const first = voice.speak("One.", manner, ending.signal);
  voice.prepare("Two.", manner);
  await eventually(() => expect(audio.src).toMatch(/^blob:/));
  expect(fetched).toEqual(["One.", "Two."]);
  audio.onended?.();
  await first;
  const second = voice.speak("Two.", manner, ending.signal);
  voice.prepare("Three.", manner);
  await eventually(() => expect(audio.onended).not.toBeNull());
  ending.abort();
  await second;
  expect(fetched).toEqual(["One.", "Two.", "Three."]);
  expect([audio.pause.mock.calls.length, signals.at(-1)?.aborted]).toEqual([1, true]);
});

test("the language of a text follows its letters", () => {
  const texts = [
    "It rains.",
    "السماء تمطر",
    "今天下雨。",
    "雨が降る",
    "비가 온다",
    "वर्षा",
    "ฝนตก",
    "Идёт дождь",
    "The word 雨 means rain.",
  ];
  expect(texts.map(languageOf)).toEqual(["en", "ar", "zh", "ja", "ko", "hi", "th", "ru", "en"]);
});
