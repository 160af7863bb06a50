/** The fold: what a reader knows after the events so far. */

import type { Done, Failure, Metadata, Numbered, Progress, StreamEvent, ToolCall } from "./events";

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
    }
  }

  private startOver(metadata: Metadata): void {
    this.text = this.thinking = "";
    this.toolCalls = [];
    this.progress = this.terminal = null;
    this.metadata = metadata;
  }

  private addToolCall(piece: ToolCall): void {
    const call = (this.toolCalls[piece.index] ??= { id: null, name: null, arguments: "" });
    call.id = piece.id ?? call.id;
    call.name = piece.name ?? call.name;
    call.arguments += piece.arguments;
  }
}
