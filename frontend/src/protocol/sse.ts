/** Server-Sent Events from bytes, cut anywhere. The format: https://html.spec.whatwg.org/multipage/server-sent-events.html */

import { createParser, type EventSourceMessage } from "eventsource-parser";

import { decode, type Numbered } from "./events";

/** Feed it text, cut anywhere; it gives the numbered events that became complete. Comments are skipped. */
export class Decoder {
  private arrived: EventSourceMessage[] = [];
  private last = 0;
  private readonly parser = createParser({ onEvent: (message) => this.arrived.push(message) });

  feed(text: string): Numbered[] {
    this.arrived = [];
    this.parser.feed(text);
    return this.arrived.map((message) => {
      this.last = message.id === undefined ? this.last : Number(message.id); // an event without one has the last one's
      return { id: this.last, event: decode(message.data) };
    });
  }
}

/** The events of a response body, in the batches in which they came; an empty one for a mere sign of life. Ends with the connection,
 * early or not. */
export async function* readBatches(body: ReadableStream<Uint8Array>): AsyncGenerator<Numbered[]> {
  const decoder = new Decoder();
  for await (const text of readText(body)) yield decoder.feed(text);
}

/** A response body as text, in the pieces in which it came. Who stops reading closes the connection. */
export async function* readText(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const text = new TextDecoder("utf-8", { ignoreBOM: false });
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield text.decode(value, { stream: true });
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
