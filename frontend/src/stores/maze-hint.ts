/** One answer of a model about a state of the maze, as it arrives: what it says, and what it would do. Knows no React. */

import { AnswerReader } from "../protocol/answer";
import { actionOf, type Action } from "../protocol/maze";
import type { LiveStream } from "./live-stream";
import { Subscribable } from "./subscribable";
import { words } from "../words";

export class LiveHint extends Subscribable {
  /** The log has moved on since it was asked for. */
  isOvertaken = false;
  /** What it would do, from the moment its value has closed; null until then. */
  action: Action | null = null;
  private reader = new AnswerReader();
  private read = "";

  constructor(
    readonly stream: LiveStream,
    /** It was asked for in the state after so many actions. */
    readonly after: number,
  ) {
    super();
    stream.subscribe(() => {
      this.follow(stream.snapshot.text);
      this.notify();
    });
    this.follow(stream.snapshot.text);
  }

  get say(): string {
    return this.reader.say;
  }

  get over(): boolean {
    return this.stream.over;
  }

  /** Why there is no answer. */
  get problem(): string | null {
    const { problem, snapshot } = this.stream;
    const { terminal } = snapshot;
    if (problem !== null && this.stream.connection === "refused") return problem.message;
    return terminal?.type === "error" ? words.failure.problem(terminal.code, terminal.message) : null;
  }

  /** Somebody stopped it. */
  get isStopped(): boolean {
    const { terminal } = this.stream.snapshot;
    return terminal?.type === "done" && terminal.finish_reason === "cancelled";
  }

  private follow(text: string): void {
    if (!text.startsWith(this.read)) {
      this.reader = new AnswerReader(); // what was text is thought, or the stream began anew
      this.read = "";
    }
    this.reader.feed(text.slice(this.read.length));
    this.read = text;
    if (this.reader.action === undefined) this.action = null;
    else this.action ??= actionOf(this.reader.action);
  }
}
