import { afterEach, expect, test, vi } from "vitest";

import type { Numbered } from "../src/protocol/events";
import { LiveStream } from "../src/stores/live-stream";

afterEach(() => vi.unstubAllGlobals());

function followed(text: string): { stream: LiveStream; bodies: unknown[] } {
  const bodies: unknown[] = [];
  vi.stubGlobal("requestAnimationFrame", () => 0);
  vi.stubGlobal("document", { hidden: false });
  vi.stubGlobal("fetch", (_: string, { body }: { body: string }) => {
    bodies.push(JSON.parse(body));
    return Promise.resolve(new Response("{}"));
  });
  const stream = LiveStream.following("s1", { link: "open", follow: () => () => undefined });
  if (text !== "") stream.take([{ id: 1, event: { type: "chunk", content: text } }] satisfies Numbered[]);
  return { stream, bodies };
}

test("a stop keeps what the page shows, also before the stream has told it again", async () => {
  const early = followed("");
  await early.stream.stop(400);
  expect([early.stream.stoppedAt, early.bodies]).toEqual([400, [{ shown_chars: 400 }]]);
  const behind = followed("word ");
  await behind.stream.stop(400);
  expect(behind.bodies).toEqual([{ shown_chars: 400 }]);
  const ahead = followed("word ".repeat(100));
  await ahead.stream.stop(400);
  expect(ahead.bodies).toEqual([{ shown_chars: 500 }]);
});
