/** The golden transcripts, which Python is tested against too. */

import { readdirSync, readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { Snapshot } from "../src/protocol/fold";
import { Decoder, readBatches } from "../src/protocol/sse";

const FOLDER = new URL("../../contracts/transcripts/", import.meta.url);
const NAMES = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".sse"))
  .map((name) => name.slice(0, -".sse".length));

function read(name: string): Buffer {
  return readFileSync(new URL(name, FOLDER));
}

function folded(snapshot: Snapshot): unknown {
  const end = snapshot.terminal;
  return {
    text: snapshot.text,
    thinking: snapshot.thinking,
    tool_calls: snapshot.toolCalls,
    terminal: end?.type,
    finish_reason: end?.type === "done" ? end.finish_reason : null,
    code: end?.type === "error" ? end.code : null,
    last_event_id: snapshot.last,
    ...(snapshot.images.length > 0 && { parts: snapshot.parts }),
    ...(snapshot.healed.length > 0 && { healed: snapshot.healed }),
  };
}

function inPieces(bytes: Buffer, size: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) controller.close();
      else controller.enqueue(new Uint8Array(bytes.subarray(at, (at += size))));
    },
  });
}

test("there are transcripts", () => {
  expect(NAMES.length).toBeGreaterThanOrEqual(10);
});

describe.each(NAMES)("%s", (name) => {
  const expected: unknown = JSON.parse(read(`${name}.json`).toString());

  test.each([1, 2, 3, 7, 50, 100_000])("folds into what stands beside it, cut every %i bytes", async (size) => {
    const snapshot = new Snapshot();
    for await (const batch of readBatches(inPieces(read(`${name}.sse`), size))) expect(snapshot.take(batch)).toBe(true);
    expect(folded(snapshot)).toEqual(expected);
  });
});

test("what was here already is skipped, and a gap is noticed", () => {
  const types = ["chunk", "a type of a later version", "chunk", "chunk", "chunk"];
  const wire = types.map((type, at) => `id: ${at + 1}\ndata: ${JSON.stringify({ type, content: `${at}` })}\n\n`);
  const events = new Decoder().feed(wire.join(""));
  const snapshot = new Snapshot();
  expect(snapshot.take(events.slice(0, 3))).toBe(true);
  expect(snapshot.take(events.slice(1, 3))).toBe(true);
  expect(snapshot.text).toBe("02");
  expect(snapshot.take(events.slice(4))).toBe(false);
  expect(snapshot.text).toBe("02");
  expect(snapshot.last).toBe(3);
});
