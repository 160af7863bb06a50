/** The frames of an event connection, as docs/protocols/events.md describes them: events of several streams, each in an envelope. */

import { createParser, type EventSourceMessage } from "eventsource-parser";

/** `stream`: a run's id, or `connection`, `sessions`, `session`. `n`: the event's number in a run's stream. */
export interface Frame {
  stream: string;
  n: number;
  event: { type: string } & Readonly<Record<string, unknown>>;
}

/** Feed it text, cut anywhere; it gives the frames that became complete. Comments are skipped. */
export class FrameDecoder {
  /** The id of the last frame: where another connection goes on. */
  cursor: string | null = null;
  private arrived: EventSourceMessage[] = [];
  private readonly parser = createParser({ onEvent: (message) => this.arrived.push(message) });

  feed(text: string): Frame[] {
    this.arrived = [];
    this.parser.feed(text);
    return this.arrived.map((message) => {
      this.cursor = message.id ?? this.cursor;
      return JSON.parse(message.data) as Frame;
    });
  }
}
