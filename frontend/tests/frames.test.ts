/** The golden transcript of an event connection, which Python is tested against too. */

import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { eventOf } from "../src/protocol/events";
import { Snapshot } from "../src/protocol/fold";
import { FrameDecoder } from "../src/protocol/frames";

const FOLDER = new URL("../../contracts/transcripts/events/", import.meta.url);
const WIRE = readFileSync(new URL("two-runs.sse", FOLDER), "utf8");
const EXPECTED: unknown = JSON.parse(readFileSync(new URL("two-runs.json", FOLDER), "utf8"));

test.each([1, 2, 3, 7, 50, 100_000])("folds into what stands beside it, cut every %i characters", (size) => {
  const decoder = new FrameDecoder();
  const runs: Record<string, Snapshot> = {};
  const result = { connection: null as unknown, titles: {} as Record<number, unknown>, closed: {} as Record<string, unknown> };
  const inSession: string[] = [];
  for (let at = 0; at < WIRE.length; at += size) {
    for (const { stream, n, event } of decoder.feed(WIRE.slice(at, at + size))) {
      if (stream === "connection") result.connection = event["id"];
      else if (stream === "session") inSession.push(event.type);
      else if (stream === "sessions") {
        const { id, title } = (event["session"] ?? {}) as { id?: number; title?: string };
        if (id !== undefined) result.titles[id] = title;
      } else if (event.type === "closed") result.closed[stream] = event["reason"];
      else expect((runs[stream] ??= new Snapshot()).take([{ id: n, event: eventOf(event) }])).toBe(true);
    }
  }
  const folded = Object.entries(runs).map(([id, { text, last, terminal }]) => [
    id,
    { text, last, terminal: terminal?.type ?? null },
  ]);
  const { cursor } = decoder;
  expect({ ...result, cursor, runs: Object.fromEntries(folded) as unknown, in_session: inSession }).toEqual(EXPECTED);
});
