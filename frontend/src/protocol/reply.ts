/** The inverse of the fold: the events of a reply that is stored, so that it is seen as its stream was. */

import type { StreamEvent } from "./events";
import { Snapshot } from "./fold";
import type { Image, Part } from "./parts";

/** What a reply says. `parts`: the text with its pictures, then the tool calls, then their results. */
export interface Reply {
  thinking: string;
  parts: readonly Part[];
}

/** The fewest events that fold to this reply. */
export function eventsOf({ thinking, parts }: Reply): StreamEvent[] {
  const events: StreamEvent[] = thinking === "" ? [] : [{ type: "thinking", content: thinking }];
  let calls = 0;
  for (const part of parts) {
    if (part.type === "text") events.push({ type: "chunk", content: part.text });
    else if (part.type === "image") events.push(imageEvent(part));
    else if (part.type === "tool_call") events.push({ ...part, index: calls++ });
    else if (part.type === "tool_result") events.push(part);
  }
  return events;
}

function imageEvent({ id, width = null, height = null }: Image): StreamEvent {
  return { type: "image", media: id, width, height };
}

/** The fold of a reply that is stored. */
export function snapshotOf(reply: Reply): Snapshot {
  const snapshot = new Snapshot();
  snapshot.take(eventsOf(reply).map((event, at) => ({ id: at + 1, event })));
  return snapshot;
}
