import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { AnswerReader, readAnswer } from "../src/protocol/answer";

/** What a reader shows after all pieces. */
function view({ say, action, isComplete, isBroken }: AnswerReader): unknown {
  return { say, action, isComplete, isBroken };
}

function fed(pieces: readonly string[]): AnswerReader {
  const reader = new AnswerReader();
  for (const piece of pieces) reader.feed(piece);
  return reader;
}

const text = fc.string({ unit: "binary", maxLength: 40 });
const answer = fc
  .record(
    {
      say: fc.oneof(text, fc.integer(), fc.constant(null)),
      do: fc.oneof(
        fc.record({ action: fc.constant("move"), direction: fc.constantFrom("up", "left") }),
        fc.jsonValue({ maxDepth: 3 }),
      ),
      more: fc.jsonValue({ maxDepth: 2 }),
    },
    { requiredKeys: [] },
  )
  .chain((value) => fc.shuffledSubarray(Object.entries(value)).map((entries) => Object.fromEntries(entries)));
/** As models write it: with any indent, any escapes, and words around it. */
const written = fc
  .tuple(answer, fc.constantFrom(undefined, 1, "\t"), fc.boolean(), fc.constantFrom("", "Well: ", "```json\n"), text)
  .map(([value, indent, isEscaped, before, after]) => {
    const json = JSON.stringify(value, null, indent);
    const units = (part: string): string =>
      part.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
    return { value, text: before + (isEscaped ? json.replace(/"(?:[^"\\]|\\.)*"/g, units) : json) + after };
  });

describe("laws", () => {
  test("the pieces of a text say what the whole says, however it is cut", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          written.map((one) => one.text),
          fc.string({
            unit: fc.constantFrom("{", "}", "[", "]", '"', ",", ":", "\\", "u", "say", "do", " ", "1", "\ud83d", "\ude00"),
          }),
        ),
        fc.array(fc.nat(200)),
        (whole, cuts) => {
          const at = [...new Set([0, ...cuts.filter((cut) => cut < whole.length), whole.length])].sort((a, b) => a - b);
          const pieces = at.slice(1).map((end, index) => whole.slice(at[index], end));
          expect(view(fed(pieces))).toEqual(view(readAnswer(whole)));
        },
      ),
    );
  });

  test("a whole answer says what JSON.parse says", () => {
    fc.assert(
      fc.property(written, ({ value, text: whole }) => {
        const { say, action, isComplete, isBroken } = readAnswer(whole);
        const read = JSON.parse(JSON.stringify(value)) as { say?: unknown; do?: unknown };
        expect({ isComplete, isBroken }).toEqual({ isComplete: true, isBroken: false });
        expect(say).toBe(typeof read.say === "string" ? read.say : "");
        expect(action).toEqual(read.do);
      }),
    );
  });

  test("what is said only grows, whole characters at a time, and an action stays what it is", () => {
    fc.assert(
      fc.property(written, ({ text: whole }) => {
        const reader = new AnswerReader();
        let [said, action]: [string, unknown] = ["", undefined];
        for (const unit of whole.split("")) {
          reader.feed(unit);
          expect(reader.say.startsWith(said)).toBe(true);
          if (action !== undefined) expect(reader.action).toEqual(action);
          [said, action] = [reader.say, reader.action];
        }
      }),
    );
  });
});

test("half a character waits for its other half, written out or escaped", () => {
  const reader = new AnswerReader();
  reader.feed('{"say": "a\ud83d');
  expect(reader.say).toBe("a");
  reader.feed("\ude00 b\\ud83d");
  expect(reader.say).toBe("a😀 b");
  reader.feed("\\ude0");
  expect(reader.say).toBe("a😀 b");
  reader.feed("0");
  expect(reader.say).toBe("a😀 b😀");
});

test("the action is known when its value closes, not before and not later", () => {
  const reader = new AnswerReader();
  reader.feed('{"do": {"action": "path", "directions": ["up", "up"]');
  expect(reader.action).toBeUndefined();
  reader.feed("}");
  expect(reader.action).toEqual({ action: "path", directions: ["up", "up"] });
  expect(reader.isComplete).toBe(false);
});

test.each([
  ["keys inside of the action are not the answer's", '{"do": {"say": "no", "do": 1}, "say": "yes"}', "yes", { say: "no", do: 1 }],
  ["a key may be written with escapes", '{"\\u0073ay": "yes"}', "yes", undefined],
  ["the last of two counts", '{"say": "one", "say": "two", "do": 1, "do": 2}', "two", 2],
  ["what comes after the object is not read", '{"say": "one"} {"say": "two"}', "one", undefined],
  ["text that is no object says nothing", '"say": "one"', "", undefined],
  ["a text as a key says nothing", '{"say"', "", undefined],
])("%s", (_name, whole, say, action) => {
  const reader = readAnswer(whole);
  expect([reader.say, reader.action]).toEqual([say, action]);
});

test("an object that is no JSON has no action", () => {
  const reader = readAnswer('{"do": {"action": "wait"}, \'say\': 1}');
  expect(view(reader)).toEqual({ say: "", action: undefined, isComplete: true, isBroken: true });
});
