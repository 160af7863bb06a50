/** Who reads aloud: the gateway's voice, or one of the browser's. Knows neither sentences nor replies. */

import { spoken } from "../api/speech";
import { words } from "../words";

/** How a text is spoken. `voice`: of the browser's voices; empty: one that fits the text. */
export interface Manner {
  voice: string;
  speed: number;
}

export interface Voice {
  /** What is spoken next: a voice that takes time begins to make it. */
  prepare: (text: string, manner: Manner) => void;
  /** Resolves when the text was spoken. Rejects when it can't be. Once `signal` is aborted it is silent, at once. */
  speak: (text: string, manner: Manner, signal: AbortSignal) => Promise<void>;
}

/** A voice that has not begun by then is not there. */
const DEAD_MS = 10_000;
const MS_PER_CHARACTER = 250;

/** The browser's voices. */
export class BrowserVoice implements Voice {
  /** Some browsers forget an utterance that nobody holds, and never say that it has ended. */
  private utterance: SpeechSynthesisUtterance | null = null;

  constructor(private readonly synthesis: SpeechSynthesis) {}

  prepare(): void {
    // it speaks at once
  }

  speak(text: string, { voice, speed }: Manner, signal: AbortSignal): Promise<void> {
    const utterance = (this.utterance = new SpeechSynthesisUtterance(text));
    const chosen = chosenVoice(this.synthesis.getVoices(), voice, text);
    utterance.voice = chosen;
    utterance.lang = chosen?.lang ?? languageOf(text);
    utterance.rate = speed;
    return new Promise((resolve, reject) => {
      const timers = [
        setTimeout(() => {
          if (!this.synthesis.speaking) settle(new Error(words.speech.silent));
        }, DEAD_MS),
        setTimeout(() => settle(null), DEAD_MS + (text.length * MS_PER_CHARACTER) / speed), // some never say that they have ended
      ];
      const settle = (problem: Error | null): void => {
        timers.forEach(clearTimeout);
        signal.removeEventListener("abort", silence);
        if (this.utterance === utterance) this.utterance = null;
        if (problem === null) resolve();
        else reject(problem);
      };
      const silence = (): void => {
        this.synthesis.cancel();
        settle(null);
      };
      utterance.onend = () => settle(null);
      utterance.onerror = ({ error }) => settle(new Error(error === "not-allowed" ? words.speech.notAllowed : words.speech.silent));
      signal.addEventListener("abort", silence);
      if (signal.aborted) settle(null);
      else this.synthesis.speak(utterance);
    });
  }
}

/** The gateway's voice. The next text is fetched while one is played. */
export class GatewayVoice implements Voice {
  private next: { key: string; sound: Promise<Blob>; fetching: AbortController } | null = null;
  private audio: HTMLAudioElement | null = null;

  constructor(
    private readonly fetchSound: typeof spoken = spoken,
    private readonly player: () => HTMLAudioElement = () => new Audio(),
  ) {}

  prepare(text: string, { speed }: Manner): void {
    const key = JSON.stringify([text, speed]);
    if (this.next?.key === key) return;
    this.next?.fetching.abort();
    const fetching = new AbortController();
    const sound = this.fetchSound(text, speed, fetching.signal);
    sound.catch(() => undefined); // whoever speaks it is told
    this.next = { key, sound, fetching };
  }

  async speak(text: string, manner: Manner, signal: AbortSignal): Promise<void> {
    this.prepare(text, manner);
    const { sound, fetching } = this.next ?? {};
    this.next = null;
    const forget = (): void => {
      fetching?.abort();
      this.next?.fetching.abort();
      this.next = null;
    };
    signal.addEventListener("abort", forget);
    try {
      const blob = await sound;
      if (blob !== undefined && !signal.aborted) await this.play(blob, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener("abort", forget);
    }
  }

  private play(blob: Blob, signal: AbortSignal): Promise<void> {
    const audio = (this.audio ??= this.player());
    const address = URL.createObjectURL(blob);
    let silence = (): void => undefined;
    return new Promise<void>((resolve, reject) => {
      silence = () => {
        audio.pause();
        resolve();
      };
      signal.addEventListener("abort", silence);
      audio.onended = () => resolve();
      audio.onerror = () => reject(new Error(words.speech.silent));
      audio.src = address;
      audio.play().catch((error: unknown) => {
        const isForbidden = error instanceof Error && error.name === "NotAllowedError";
        if (!signal.aborted) reject(new Error(isForbidden ? words.speech.notAllowed : words.speech.silent));
      });
    }).finally(() => {
      signal.removeEventListener("abort", silence);
      URL.revokeObjectURL(address);
    });
  }
}

/** The voice with that name; else one on this machine that speaks the language of the text; null: the browser chooses. */
function chosenVoice(all: readonly SpeechSynthesisVoice[], name: string, text: string): SpeechSynthesisVoice | null {
  const language = languageOf(text);
  const fitting = all.filter(({ lang }) => lang.toLowerCase().split(/[-_]/, 1)[0] === language);
  return (
    all.find(({ voiceURI }) => voiceURI === name) ??
    fitting.find((voice) => voice.default) ??
    fitting.find(({ localService }) => localService) ??
    fitting[0] ??
    null
  );
}

const SCRIPTS: readonly [language: string, letters: RegExp][] = [
  ["ja", /[\u3041-\u30ff]/],
  ["zh", /\p{Script=Han}/u],
  ["ko", /\p{Script=Hangul}/u],
  ["ar", /\p{Script=Arabic}/u],
  ["he", /\p{Script=Hebrew}/u],
  ["hi", /\p{Script=Devanagari}/u],
  ["th", /\p{Script=Thai}/u],
  ["ru", /\p{Script=Cyrillic}/u],
  ["el", /\p{Script=Greek}/u],
];

/** The language of a text, as far as its letters say it; in Latin letters, the one that this person reads. */
export function languageOf(text: string): string {
  const latin = text.match(/\p{Script=Latin}/gu)?.length ?? 0;
  const other = SCRIPTS.find(([, letters]) => letters.test(text))?.[0];
  const others = text.match(/(?!\p{Script=Latin})\p{L}/gu)?.length ?? 0;
  if (other !== undefined && others * 2 >= latin) return other;
  const known = [words.language, ...(typeof navigator === "undefined" ? [] : navigator.languages)];
  const languages = known.map((one) => one.split("-", 1)[0] ?? "");
  return languages.find((one) => /^[a-z]{2,3}$/.test(one) && !SCRIPTS.some(([language]) => language === one)) ?? "en";
}
