import { expect, test } from "vitest";

import type { MessageAnswer } from "../src/api/schema";
import { seen } from "../src/features/chat/seen";
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
  return { stream, asked: null, hides: null };
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
