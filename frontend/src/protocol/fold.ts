/** The fold: what a reader knows after the events so far. */

import type { Done, Failure, Metadata, Numbered, Progress, Relabel, StreamEvent, ToolCall, ToolResult } from "./events";
import { messageParts, type Part } from "./parts";

export interface FoldedCall {
  id: string | null;
  name: string | null;
  arguments: string;
}

/** `done.full_content` is final, whatever the chunks said; a rebuilt stream starts over. */
export class Snapshot {
  text = "";
  thinking = "";
  toolCalls: FoldedCall[] = [];
  toolResults: ToolResult[] = [];
  metadata: Metadata | null = null;
  progress: Progress | null = null;
  terminal: Done | Failure | null = null;
  /** The number of the last event. */
  last = 0;

  /** Takes what comes next; an event that was here already is skipped. False: something is missing in between. */
  take(batch: Numbered[]): boolean {
    for (const { id, event } of batch) {
      if (event?.type === "metadata" && event.rebuilt) this.last = 0;
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
    return [...messageParts(this.text), ...calls, ...this.toolResults];
  }

  private add(event: StreamEvent): void {
    switch (event.type) {
      case "chunk":
        this.text += event.content;
        break;
      case "thinking":
        this.thinking += event.content;
        break;
      case "progress":
        this.progress = event;
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
      case "metadata":
        this.startOver(event);
        break;
      case "done":
        this.text = event.full_content;
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
    this.toolCalls = [];
    this.toolResults = [];
    this.progress = this.terminal = null;
    this.metadata = metadata;
  }

  private relabel({ to, start }: Relabel): void {
    if (to === "thinking") {
      const stays = prefix(this.text, start);
      this.thinking += this.text.slice(stays.length);
      this.text = stays;
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
