/**
 * Reads replies aloud, sentence by sentence, while they grow: which one, what of it was said, and where it is. Nothing is said twice, also
 * when a stream is read anew or the page is loaded again. One reply at a time, and one tab of a browser at a time. Knows no React.
 */

import { keptName } from "../base";
import type { Names } from "../protocol/marks";
import { Sentences, type Sentence } from "../protocol/sentences";
import { words } from "../words";
import type { LiveReply } from "./conversation";
import { Kept } from "./kept";
import type { LiveStream } from "./live-stream";
import { notices } from "./notices";
import { speechChoices, type SpeechChoices } from "./speech-settings";
import { Subscribable } from "./subscribable";
import { BrowserVoice, GatewayVoice, type Voice } from "./voices";

/** A reply as far as it is there. */
export interface Source {
  text: () => string;
  /** More may come. */
  isGrowing: () => boolean;
  /** Somebody has stopped it, here or elsewhere. */
  isStopped: () => boolean;
  subscribe: (listener: () => void) => () => void;
}

/** `said`: how many sentences, the one that is being spoken among them. */
interface Progress {
  reply: string;
  said: number;
}

/** The reply that is being read. */
interface Reading {
  reply: string;
  session: number | null;
  /** The sentences so far. */
  sentences: readonly Sentence[];
  /** Which one is being spoken; null: it waits for the next one. */
  at: number | null;
}

/** Sentences that are looked for: what is spoken, and what is spoken next. A long text is not cut at once. */
const AHEAD = 2;

export const GATEWAY = "gateway";
/** What `voice` of the settings begins with for a voice of the browser. */
export const OF_BROWSER = "browser:";

export class Speech extends Subscribable {
  reading: Reading | null = null;
  /** What the gateway offers. */
  offered = { speech: false, transcription: false };
  private ending: AbortController | null = null;
  /** Replies that are read when this one has been. */
  private waiting: { reply: string; read: () => void }[] = [];
  /** When this tab began to speak; of two tabs, the later one speaks. */
  private begunAt = 0;
  private hasFailed = false;

  constructor(
    private readonly choices: SpeechChoices,
    private readonly gateway: Voice,
    private readonly browser: Voice | null,
    /** The browser's voices. */
    private readonly list: () => readonly SpeechSynthesisVoice[],
    /** Where a reading was, after the page was loaded again. */
    private readonly kept: Pick<Kept<Progress>, "get" | "set" | "delete"> = new Kept<Progress>("reading"),
    private readonly channel: Pick<BroadcastChannel, "postMessage" | "onmessage"> | null = null,
  ) {
    super();
    if (channel !== null)
      channel.onmessage = ({ data }: MessageEvent<number>) => {
        if (data > this.begunAt) this.leave();
      };
  }

  /** The page's own. */
  static own(): Speech {
    const synthesis = "speechSynthesis" in globalThis ? globalThis.speechSynthesis : null;
    const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(keptName("lam-studio-speech"));
    const voices = (): SpeechSynthesisVoice[] => synthesis?.getVoices() ?? [];
    const browser = synthesis === null ? null : new BrowserVoice(synthesis);
    const own = new Speech(speechChoices, new GatewayVoice(), browser, voices, undefined, channel);
    if (synthesis !== null && "addEventListener" in synthesis) synthesis.addEventListener("voiceschanged", () => own.notify());
    // Some browsers would go on. After a reload it goes on here.
    if ("addEventListener" in globalThis) globalThis.addEventListener("pagehide", () => own.leave());
    return own;
  }

  /** Whether anybody is there who can speak. */
  get canSpeak(): boolean {
    return this.offered.speech || this.voices.length > 0;
  }

  get voices(): readonly SpeechSynthesisVoice[] {
    return this.browser === null ? [] : this.list();
  }

  offer(offered: { speech: boolean; transcription: boolean }): void {
    if (offered.speech === this.offered.speech && offered.transcription === this.offered.transcription) return;
    this.offered = offered;
    this.notify();
  }

  isReading(reply: string | null): boolean {
    return reply !== null && this.reading?.reply === reply;
  }

  /** Reads a reply from its beginning, or from behind sentences that were said. */
  read(session: number | null, reply: string, source: Source, said = 0): void {
    this.leave();
    this.hasFailed = false;
    this.begunAt = Date.now() + Math.random();
    this.channel?.postMessage(this.begunAt);
    const ending = (this.ending = new AbortController());
    this.reading = { reply, session, sentences: [], at: null };
    const look = (): void => {
      if (source.isStopped() && this.ending === ending) this.stop();
    };
    ending.signal.addEventListener("abort", source.subscribe(look));
    void this.run(source, said, ending.signal);
    this.notify();
  }

  /** Reads a reply on its way as soon as there is something to read and the one before it was read, if its session wants that, until the
   * function that comes back is called. One that was begun before this page saw it is read on only if this page read it before. */
  attend(session: number, { stream, isFresh }: LiveReply): () => void {
    let isOver = false;
    const look = (): void => {
      const { metadata, text } = stream.snapshot;
      const id = metadata?.assistant_message_id;
      if (isOver || id == null || text === "") return;
      isOver = true;
      unsubscribe();
      const before = this.kept.get(session);
      const wasRead = before?.reply === `${id}`;
      const isMeant = wasRead || (isFresh && (stream.isOwn || isSeen()));
      if (!this.canSpeak || !this.choices.of(session).auto || !isMeant) return;
      const said = isFresh ? lengthOf(text.slice(0, metadata?.continues ?? 0)) : (before?.said ?? 0);
      this.queue(`${id}`, () => this.read(session, `${id}`, ofStream(stream), said));
    };
    const unsubscribe = stream.subscribe(look);
    look();
    return () => {
      isOver = true;
      unsubscribe();
    };
  }

  /** Silent, at once; it is not read on after a reload. */
  stop(): void {
    if (this.reading !== null) this.end(this.reading.session);
  }

  /** Nobody is here who would stop it: silent, but it may be read on after a reload. `session`: only what is read of that one. */
  leave(session?: number | null): void {
    if (session === undefined || this.reading?.session === session) this.end(null);
  }

  private queue(reply: string, read: () => void): void {
    if (this.isReading(reply) || this.waiting.some((one) => one.reply === reply)) return;
    if (this.reading === null) read();
    else this.waiting.push({ reply, read });
  }

  /** `forgets`: the session whose progress is not kept any more. */
  private end(forgets: number | null): void {
    this.waiting = [];
    if (this.reading === null) return;
    if (forgets !== null) this.kept.delete(forgets);
    this.ending?.abort();
    this.ending = this.reading = null;
    this.notify();
  }

  private async run(source: Source, from: number, signal: AbortSignal): Promise<void> {
    const live = new Sentences(names());
    /** What was said; null: said before this page was loaded. */
    const said: (string | null)[] = Array.from({ length: from }, () => null);
    while (!signal.aborted && this.reading !== null) {
      const isGrowing = source.isGrowing();
      const sentences = live.of(source.text(), isGrowing, said.length + AHEAD);
      const changed = said.findIndex((one, at) => at < sentences.length && one !== null && one !== sentences[at]?.text);
      if (changed !== -1) said.length = changed; // it turned out to be another text
      const at = said.length;
      const sentence = sentences[at];
      this.reading = { ...this.reading, sentences, at: sentence === undefined ? null : at };
      if (sentence === undefined) {
        if (!isGrowing) {
          const [next, ...others] = this.waiting;
          this.end(this.reading.session);
          next?.read();
          this.waiting = others;
          return;
        }
        this.notify();
        await changeOf(source, signal);
        continue;
      }
      said.push(sentence.text);
      const { session, reply } = this.reading;
      if (session !== null) this.kept.set(session, { reply, said: said.length });
      this.notify();
      const prepared = (): string | undefined => live.of(source.text(), source.isGrowing(), at + AHEAD)[at + 1]?.text;
      await this.say(sentence.text, prepared, source, signal);
    }
  }

  /** Says a sentence, while the next one is made ready as soon as it is certain. */
  private async say(text: string, next: () => string | undefined, source: Source, signal: AbortSignal): Promise<void> {
    const { speed, voice } = this.choices.of(this.reading?.session ?? null);
    const isOfBrowser = voice.startsWith(OF_BROWSER) || !this.offered.speech || this.hasFailed;
    const manner = { speed, voice: voice.startsWith(OF_BROWSER) ? voice.slice(OF_BROWSER.length) : "" };
    const speaker = isOfBrowser && this.browser !== null && this.voices.length > 0 ? this.browser : this.gateway;
    const prepare = (): void => {
      const following = signal.aborted ? undefined : next();
      if (following !== undefined) speaker.prepare(following, manner);
    };
    const unsubscribe = source.subscribe(prepare);
    try {
      const spoken = speaker.speak(text, manner, signal);
      prepare();
      await spoken;
    } catch (error) {
      if (signal.aborted) return;
      const problem = error instanceof Error ? error.message : String(error);
      if (speaker === this.gateway && this.voices.length > 0) {
        this.hasFailed = true;
        notices.show(words.speech.otherVoice(problem));
        await this.say(text, next, source, signal);
      } else {
        notices.show(words.speech.failed(problem));
        this.stop();
      }
    } finally {
      unsubscribe();
    }
  }
}

/** A reply that is stored. */
export function ofText(text: string): Source {
  return { text: () => text, isGrowing: () => false, isStopped: () => false, subscribe: () => () => undefined };
}

/** A reply on its way. */
export function ofStream(stream: LiveStream): Source {
  const isStopped = (): boolean => {
    const { terminal } = stream.snapshot;
    return stream.stoppedAt !== null || (terminal?.type === "done" && terminal.finish_reason === "cancelled");
  };
  return { text: () => stream.snapshot.text, isGrowing: () => !stream.over, isStopped, subscribe: stream.subscribe };
}

/** How many sentences of a text are certain, whatever follows. */
function lengthOf(text: string): number {
  return new Sentences(names()).of(text, true).length;
}

function isSeen(): boolean {
  return typeof document === "undefined" || document.visibilityState === "visible";
}

function names(): Names {
  return words.speech.names;
}

function changeOf(source: Source, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      unsubscribe();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const unsubscribe = source.subscribe(done);
    signal.addEventListener("abort", done);
  });
}

export const speech = Speech.own();
