/** Messages made of parts: replies that fold and come back, documents that go along. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { StreamEvent } from "../src/protocol/events";
import { written } from "../src/protocol/documents";
import { Snapshot } from "../src/protocol/fold";
import { documentsOf, messageParts, textOf, type Part } from "../src/protocol/parts";
import { eventsOf, snapshotOf, type Reply } from "../src/protocol/reply";

const text = fc.string({ unit: "binary", maxLength: 12 });
const name = fc.option(fc.string({ minLength: 1, maxLength: 4 }), { nil: null });
const call = fc.record({ type: fc.constant("tool_call" as const), id: name, name, arguments: text });
const result = fc.record({ type: fc.constant("tool_result" as const), id: name, content: text });
const reply: fc.Arbitrary<Reply> = fc
  .record({ thinking: text, said: text, calls: fc.array(call, { maxLength: 3 }), results: fc.array(result, { maxLength: 3 }) })
  .map(({ thinking, said, calls, results }) => ({ thinking, parts: [...messageParts(said), ...calls, ...results] }));
const event: fc.Arbitrary<StreamEvent> = fc.oneof(
  fc.record({ type: fc.constant("chunk" as const), content: text }),
  fc.record({ type: fc.constant("thinking" as const), content: text }),
  fc.record({ type: fc.constant("tool_call" as const), index: fc.integer({ min: 0, max: 3 }), id: name, name, arguments: text }),
  result,
  fc.record({
    type: fc.constant("relabel" as const),
    to: fc.constantFrom("thinking" as const, "answer" as const),
    start: fc.integer({ min: 0, max: 9 }),
  }),
);

function fold(events: StreamEvent[]): Snapshot {
  const snapshot = new Snapshot();
  expect(snapshot.take(events.map((event, at) => ({ id: at + 1, event })))).toBe(true);
  return snapshot;
}

function said({ thinking, parts }: Snapshot): Reply {
  return { thinking, parts };
}

describe("the events of a reply", () => {
  test("fold to the reply", () => {
    fc.assert(
      fc.property(reply, (stored) => {
        expect(said(fold(eventsOf(stored)))).toEqual(stored);
      }),
    );
  });

  test("tell what a stream told, whatever its events were", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (told) => {
        const snapshot = said(fold(told));
        expect(said(snapshotOf(snapshot))).toEqual(snapshot);
      }),
    );
  });
});

describe("the parts of a message", () => {
  test("are its documents and its text", () => {
    const along = [{ name: "a.md", text: "one" }];
    const parts = messageParts("question", along);
    expect(parts.map(({ type }) => type)).toEqual(["document", "text"]);
    expect([documentsOf(parts), textOf(parts)]).toEqual([along, "question"]);
    expect(messageParts("")).toEqual([]);
  });

  test("of tools and pictures are no text", () => {
    const parts: Part[] = [
      { type: "image", id: "m" },
      { type: "text", text: "Look" },
      { type: "tool_call", id: "c", name: "look", arguments: "{}" },
    ];
    expect([documentsOf(parts), textOf(parts)]).toEqual([[], "Look"]);
  });

  test("are written as the gateway writes them", () => {
    const document = { name: 'the "plan".md', text: "x 🙂" };
    const marked = '<document name="the \'plan\'.md" characters="4">\nx 🙂\n</document>\n\n';
    expect(written([document, { name: "b", text: "" }], "What?")).toBe(
      `${marked}<document name="b" characters="0">\n\n</document>\n\nWhat?`,
    );
  });
});
