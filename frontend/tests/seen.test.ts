import { expect, test } from "vitest";

import type { MessageAnswer } from "../src/api/schema";
import { seen } from "../src/features/chat/seen";
import { waiting } from "../src/stores/reply-status";
import type { LiveStream } from "../src/stores/live-stream";
import type { LiveReply } from "../src/stores/conversation";
import { Snapshot } from "../src/protocol/fold";
import type { Part } from "../src/protocol/parts";

const STORED = {
  id: 2,
  role: "assistant",
  status: "streaming",
  content: "What was saved",
  parts: [{ type: "text", text: "What was saved" }],
  thinking: null,
  metadata: null,
} as MessageAnswer;

/** A reply on its way that has told so much. */
function live(text: string, stoppedAt: number | null = null): LiveReply {
  const snapshot = new Snapshot();
  snapshot.text = text;
  const stream = { snapshot, stoppedAt, over: false, connection: "open", problem: null } as unknown as LiveStream;
  return { stream, asked: null, hides: null, isFresh: true };
}

test("after a reload the text that is stored stands there until the stream has told more", () => {
  expect(seen(STORED, live("")).text).toBe("What was saved");
  expect(seen(STORED, live("What")).text).toBe("What was saved");
  expect(seen(STORED, live("What was saved and more")).text).toBe("What was saved and more");
});

test("a stop ends the text where it was shown, and nothing grows any more", () => {
  const stopped = seen(STORED, live("What was saved and more", 8));
  expect(stopped).toMatchObject({ text: "What was", isGrowing: false, ending: "Stopped" });
});

test("text that moves to the thoughts is not taken back from what is stored", () => {
  const reply = live("");
  reply.stream.snapshot.thinking = "What was saved";
  expect(seen(STORED, reply).text).toBe("");
});

test("tool calls are seen on their way and stored", () => {
  const call = { id: "a", name: "f", arguments: "{}" };
  const reply = live("");
  reply.stream.snapshot.toolCalls = [call];
  reply.stream.snapshot.toolResults = [{ type: "tool_result", id: "a", content: "a cat" }];
  const called = { name: "f", arguments: "{}", result: "a cat" };
  expect(seen(STORED, reply).calls).toEqual([called]);
  const parts: Part[] = [{ type: "tool_call", ...call }, ...reply.stream.snapshot.toolResults];
  expect(seen({ ...STORED, parts }, undefined).calls).toEqual([called]);
  expect(seen({ ...STORED, parts: parts.slice(0, 1) }, undefined).calls).toEqual([{ ...called, result: null }]);
});

test("under a reply stands the server that answered, where there are several, stored and on its way", () => {
  const metadata = { mode: "sse", model: "quick", server: "second", simulated: false, finish_reason: "stop" };
  expect(seen({ ...STORED, status: "complete", metadata }, undefined).figures).toBe("quick · second");
  expect(seen({ ...STORED, status: "complete", metadata: { ...metadata, server: undefined } }, undefined).figures).toBe("quick");

  const reply = live("");
  const { snapshot } = reply.stream;
  const told = { session_id: 1, user_message_id: 1, session_key: "", stream_id: null, assistant_message_id: 2, simulated: false };
  const end = { assistant_message_id: 2, full_content: "", finish_reason: "stop" as const, usage: null, timings: null };
  snapshot.take([
    { id: 1, event: { type: "metadata", ...told, mode: "sse", model: "quick", server: "first" } },
    { id: 2, event: { type: "progress", stage: "prompt", server: "second", mode: "mqtt" } },
    { id: 3, event: { type: "done", ...end, model: "quick", simulated: false } },
  ]);
  expect(seen(STORED, reply).figures).toBe("quick · second");
  expect(snapshot.metadata).toMatchObject({ server: "second", mode: "mqtt" });
});

test("a reply that was broken off says that it recovers, and in the end after which words it went on", () => {
  const snapshot = new Snapshot();
  const metadata = {
    type: "metadata",
    session_id: 1,
    user_message_id: 1,
    session_key: "",
    stream_id: "s",
    assistant_message_id: 2,
  } as const;
  const about = { mode: "sse", model: "quick", simulated: false } as const;
  snapshot.take([
    { id: 1, event: { ...metadata, ...about } },
    { id: 2, event: { type: "chunk", content: "One two three four five" } },
    { id: 3, event: { type: "progress", stage: "recovering", reason: "interrupted" } },
  ]);
  const reply = live("");
  const stream = Object.assign(Object.create(reply.stream) as LiveStream, { snapshot });
  expect(waiting(stream, null, 0)).toBe("The reply was broken off. It goes on as soon as it can.");
  snapshot.take([{ id: 4, event: { type: "chunk", content: " six" } }]);
  expect(waiting(stream, null, 0)).toBeNull();
  expect(seen(null, { ...reply, stream }).healed).toEqual(["two three four five"]);
  const stored = { ...STORED, status: "complete", content: snapshot.text, parts: snapshot.parts } as MessageAnswer;
  expect(seen({ ...stored, metadata: { healed: [{ at: 13, reason: "interrupted" }] } }, undefined).healed).toEqual([
    "One two three",
  ]);
  expect(seen({ ...stored, metadata: { healed: "nonsense" } }, undefined).healed).toEqual([]);
  const place = { at: stored.content.length, reason: "interrupted" }; // it ended, or was stopped, before it could go on
  expect(seen({ ...stored, metadata: { healed: [place] } }, undefined).healed).toEqual([]);
});
