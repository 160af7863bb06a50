/** JSON in lines: whole, however the body is cut. */

import fc from "fast-check";
import { expect, test } from "vitest";

import { values } from "../src/protocol/lines";

function body(bytes: Uint8Array, cuts: number[]): ReadableStream<Uint8Array> {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return new ReadableStream({
    start(controller) {
      places.slice(1).forEach((end, at) => controller.enqueue(bytes.slice(places[at], end)));
      controller.close();
    },
  });
}

async function all(stream: ReadableStream<Uint8Array>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const value of values(stream)) found.push(value);
  return found;
}

test("lines come whole, wherever the body is cut", async () => {
  const value = fc.record({ title: fc.string({ unit: "binary" }), done: fc.nat() });
  await fc.assert(
    fc.asyncProperty(fc.array(value), fc.array(fc.nat()), fc.boolean(), async (sent, cuts, ends) => {
      const text = sent.map((one) => JSON.stringify(one)).join("\n") + (ends ? "\n" : "");
      const expected = sent.map((one) => JSON.parse(JSON.stringify(one)) as unknown);
      expect(await all(body(new TextEncoder().encode(text), cuts))).toEqual(expected);
    }),
  );
});

test("a line that is not JSON is an error", async () => {
  await expect(all(body(new TextEncoder().encode('{"a": 1}\n<html>\n'), []))).rejects.toThrow(SyntaxError);
});
