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

export class Recorder extends Subscribable {
  state: State = "idle";
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
    const recording: Recording = { ending: new AbortController(), take, pressedAt: performance.now(), isOver: false, media: null };
    this.recording = recording;
    this.set("asking");
    void this.record(recording);
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

  private async record(recording: Recording): Promise<void> {
    const { ending, take } = recording;
    const isDropped = (): boolean => ending.signal.aborted;
    try {
      const sound = await this.heard(recording);
      if (sound === null || isDropped()) return;
      this.set("writing");
      const text = await this.write(sound, ending.signal);
      if (isDropped()) return;
      if (text.trim() === "") notices.show(words.speech.nothingHeard);
      else take(text.trim());
    } catch (error) {
      if (!isDropped()) notices.show(reasonOf(error));
    } finally {
      if (this.recording === recording) {
        this.recording = null;
        this.set("idle");
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
