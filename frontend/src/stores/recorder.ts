/** Push-to-talk: what somebody says becomes text. Held, it records until it is let go; pressed shortly, until it is pressed again. Knows no React. */

import { ApiError } from "../api/http";
import { transcribed } from "../api/speech";
import { words } from "../words";
import { notices } from "./notices";
import { Subscribable } from "./subscribable";

const SHORT_MS = 300;
const LONGEST_MS = 300_000;
const KINDS = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];

/** `asking`: the browser asks whether the page may listen. `writing`: the gateway writes down what was said. */
type State = "idle" | "asking" | "listening" | "writing";

interface Recording {
  ending: AbortController;
  /** Who is given the text. */
  take: (text: string) => void;
  pressedAt: number;
  /** Let go before the microphone was there, or done. */
  isOver: boolean;
  media: MediaRecorder | null;
}

/** What was said and could not be written down, oldest first, and why the last attempt failed. */
interface Unwritten {
  sounds: readonly Blob[];
  reason: string;
}

export class Recorder extends Subscribable {
  state: State = "idle";
  unwritten: Unwritten | null = null;
  private recording: Recording | null = null;

  constructor(
    private readonly microphone: () => Promise<MediaStream> = () => navigator.mediaDevices.getUserMedia({ audio: true }),
    private readonly write: typeof transcribed = transcribed,
  ) {
    super();
  }

  /** Whether this browser can listen at all; pages on plain HTTP may not. */
  static get isThere(): boolean {
    return typeof MediaRecorder !== "undefined" && typeof navigator !== "undefined" && "mediaDevices" in navigator;
  }

  /** The key or the button goes down. */
  press(take: (text: string) => void): void {
    if (this.state === "asking" || this.state === "listening") this.finish();
    if (this.state !== "idle" || this.recording !== null) return;
    const recording = this.begin(take, "asking");
    void this.during(recording, async () => {
      const sound = await this.heard(recording);
      if (sound !== null && !recording.ending.signal.aborted) await this.writeAll([sound], recording);
    });
  }

  /** What could not be written down is tried again. */
  retry(take: (text: string) => void): void {
    const { unwritten } = this;
    if (unwritten === null || this.state !== "idle") return;
    const recording = this.begin(take, "writing");
    void this.during(recording, () => this.writeAll(unwritten.sounds, recording));
  }

  /** What could not be written down is dropped. */
  forget(): void {
    this.unwritten = null;
    this.notify();
  }

  /** It goes up. */
  release(): void {
    if (this.recording !== null && performance.now() - this.recording.pressedAt >= SHORT_MS) this.finish();
  }

  /** Whatever was said is dropped. */
  cancel(): void {
    const { recording } = this;
    if (recording === null) return;
    this.recording = null;
    recording.ending.abort();
    recording.isOver = true;
    if (recording.media?.state === "recording") recording.media.stop();
    this.set("idle");
  }

  private finish(): void {
    const { recording } = this;
    if (recording === null) return;
    recording.isOver = true;
    if (recording.media?.state === "recording") recording.media.stop();
    else if (this.state === "asking") this.cancel();
  }

  private begin(take: Recording["take"], state: State): Recording {
    const recording = { ending: new AbortController(), take, pressedAt: performance.now(), isOver: false, media: null };
    this.recording = recording;
    this.set(state);
    return recording;
  }

  private async during(recording: Recording, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!recording.ending.signal.aborted) notices.show(reasonOf(error));
    } finally {
      if (this.recording === recording) {
        this.recording = null;
        this.set("idle");
      }
    }
  }

  /** One after the other until one fails, which is kept. */
  private async writeAll(sounds: readonly Blob[], { ending, take }: Recording): Promise<void> {
    this.set("writing");
    for (const sound of sounds) {
      const others = this.unwritten?.sounds.filter((one) => one !== sound) ?? [];
      try {
        const text = await this.write(sound, ending.signal);
        if (ending.signal.aborted) return;
        this.unwritten = this.unwritten && others.length > 0 ? { ...this.unwritten, sounds: others } : null;
        if (text.trim() === "") notices.show(words.speech.nothingHeard);
        else take(text.trim());
      } catch (error) {
        if (ending.signal.aborted) return;
        const kept = this.unwritten?.sounds ?? [];
        this.unwritten = { sounds: kept.includes(sound) ? kept : [...kept, sound], reason: reasonOf(error) };
        return;
      }
    }
  }

  /** What was said until the end; null: it was let go before it began. */
  private async heard(recording: Recording): Promise<Blob | null> {
    const stream = await this.microphone();
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      if (recording.isOver) return null;
      const kind = KINDS.find((one) => MediaRecorder.isTypeSupported(one));
      const media = (recording.media = new MediaRecorder(stream, kind === undefined ? {} : { mimeType: kind }));
      const pieces: Blob[] = [];
      media.ondataavailable = ({ data }) => pieces.push(data);
      const end = new Promise<void>((resolve, reject) => {
        media.onstop = () => resolve();
        media.onerror = () => reject(new Error(words.speech.noMicrophone));
      });
      media.start();
      timer = setTimeout(() => this.finish(), LONGEST_MS);
      this.set("listening");
      await end;
      return new Blob(pieces, { type: media.mimeType });
    } finally {
      clearTimeout(timer);
      for (const track of stream.getTracks()) track.stop(); // the browser's sign that it listens goes out
    }
  }

  private set(state: State): void {
    this.state = state;
    this.notify();
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof ApiError) return words.speech.notWritten(error.message);
  return error instanceof Error && error.name === "NotAllowedError" ? words.speech.microphoneForbidden : words.speech.noMicrophone;
}

export const recorder = new Recorder();
