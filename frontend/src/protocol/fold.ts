/** The fold: what a reader knows after the events so far. */

import type { Done, Failure, Metadata, Numbered, Progress, Relabel, StreamEvent, ToolCall, ToolResult } from "./events";
import { illustrated, type Part, type Placed } from "./parts";

/** A place where a reply was broken off and went on. `at`: UTF-16 units of the answer before it. `reason`: an error's code. */
export interface Healed {
  at: number;
  reason: string;
}

export interface FoldedCall {
  id: string | null;
  name: string | null;
  arguments: string;
}

/** `done.full_content` is final, whatever the chunks said; a rebuilt stream starts over. */
export class Snapshot {
  text = "";
  thinking = "";
  /** The pictures in the text, in order. */
  images: readonly Placed[] = [];
  toolCalls: FoldedCall[] = [];
  toolResults: ToolResult[] = [];
  metadata: Metadata | null = null;
  progress: Progress | null = null;
  /** It was broken off, and has not gone on yet. */
  recovering = false;
  /** Where it was broken off and went on. */
  healed: readonly Healed[] = [];
  terminal: Done | Failure | null = null;
  /** The number of the last event. */
  last = 0;

  /** Takes what comes next; an event that was here already is skipped. False: something is missing in between. */
  take(batch: Numbered[]): boolean {
    for (const { id, event } of batch) {
      if (event?.type === "metadata" && event.rebuilt) this.last = id - 1; // taken over by another gateway, it has far larger numbers
      if (id <= this.last) continue;
      if (id !== this.last + 1) return false;
      this.last = id;
      if (event !== null) this.add(event);
    }
    return true;
  }

  /** The answer as a message keeps it. */
  get parts(): Part[] {
    const calls = this.toolCalls.filter(Boolean).map((call): Part => ({ type: "tool_call", ...call }));
    return [...illustrated(this.text, this.images), ...calls, ...this.toolResults];
  }

  private add(event: StreamEvent): void {
    switch (event.type) {
      case "chunk":
        this.text += event.content;
        this.recovering = false;
        break;
      case "thinking":
        this.thinking += event.content;
        break;
      case "progress":
        this.progress = event;
        this.recovering = event.stage === "recovering" && this.text !== "";
        if (this.recovering) this.heal(event);
        if (this.metadata !== null && event.server !== undefined) {
          const { mode, model, simulated } = this.metadata;
          this.metadata = {
            ...this.metadata,
            server: event.server,
            mode: event.mode ?? mode,
            model: event.model ?? model,
            simulated: event.simulated ?? simulated,
          };
        }
        break;
      case "tool_call":
        this.addToolCall(event);
        break;
      case "tool_result":
        this.toolResults.push(event);
        break;
      case "relabel":
        this.relabel(event);
        break;
      case "image": {
        const { media: id, width, height } = event;
        this.images = [...this.images, { at: this.text.length, image: { type: "image", id, width, height } }];
        break;
      }
      case "metadata":
        this.startOver(event);
        break;
      case "done":
        this.text = event.full_content;
        this.images = this.images.filter(({ at }) => at <= this.text.length);
        this.terminal = event;
        break;
      case "error":
        this.terminal = event;
        break;
      default:
        event satisfies never;
    }
  }

  private startOver(metadata: Metadata): void {
    this.text = this.thinking = "";
    this.images = [];
    this.toolCalls = [];
    this.toolResults = [];
    this.progress = this.terminal = null;
    this.recovering = false;
    this.healed = [];
    this.metadata = metadata;
  }

  /** The event repeats while the reply waits there. */
  private heal({ reason = "interrupted" }: Progress): void {
    const at = this.text.length;
    if ((this.healed.at(-1)?.at ?? 0) < at) this.healed = [...this.healed, { at, reason }];
  }

  private relabel({ to, start }: Relabel): void {
    if (to === "thinking") {
      this.healed = this.healed.filter(({ at }) => at <= start);
      const stays = prefix(this.text, start);
      this.thinking += this.text.slice(stays.length);
      this.text = stays;
      this.images = this.images.map(({ at, image }) => ({ at: Math.min(at, stays.length), image }));
    } else {
      const stays = prefix(this.thinking, start);
      this.text += this.thinking.slice(stays.length);
      this.thinking = stays;
    }
  }

  private addToolCall(piece: ToolCall): void {
    const call = (this.toolCalls[piece.index] ??= { id: null, name: null, arguments: "" });
    call.id = piece.id ?? call.id;
    call.name = piece.name ?? call.name;
    call.arguments += piece.arguments;
  }
}

/** The longest beginning of at most that many UTF-16 units that ends with a whole character. */
function prefix(text: string, units: number): string {
  const cutsPair = /[\uD800-\uDBFF]/.test(text.charAt(units - 1)) && /[\uDC00-\uDFFF]/.test(text.charAt(units));
  return text.slice(0, cutsPair ? units - 1 : units);
}
