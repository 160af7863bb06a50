/** A client written the naive way, and the wrapper that existing code uses, against a real gateway. */

import { afterAll, beforeAll, expect, test, vi } from "vitest";

import { chatbotAPI } from "../src/api/chatbot";
import type { StreamEvent } from "../src/protocol/events";
import { Studio } from "./studio";

/** A reply that is whole, and one that lasts until somebody stops it. */
const SHORT = { pieces: Array.from({ length: 5 }, (_, at) => `word${at} `), rate: 50 };
const LONG = { pieces: Array.from({ length: 2000 }, (_, at) => `word${at} `), rate: 50 };

let studio: Studio;
let headers: Record<string, string>;
let session: number;

async function post(path: string, body: unknown): Promise<Record<string, unknown>> {
  const answer = await fetch(studio.url + path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", ...headers },
  });
  return (await answer.json()) as Record<string, unknown>;
}

beforeAll(async () => {
  studio = await Studio.open({ tokens: 5, rate: 50 });
  headers = {};
  const account = { email: "naive@example.org", password: "correct horse" };
  await post("/api/auth/register", account);
  headers = { Authorization: `Bearer ${String((await post("/api/auth/login", account))["access_token"])}` };
  session = Number((await post("/api/chatbot/sessions", {}))["id"]);
});

afterAll(async () => {
  vi.unstubAllGlobals();
  await studio.close();
});

/** Splits each network read on newlines, looks at no status; aborts after the first chunk if it is told to. */
async function naive(content: string, aborts: boolean): Promise<string[]> {
  const abort = new AbortController();
  const types: string[] = [];
  const answer = await fetch(`${studio.url}/api/chatbot/messages/stream`, {
    method: "POST",
    body: JSON.stringify({ session_id: session, content }),
    headers: { "Content-Type": "application/json", ...headers },
    signal: abort.signal,
  });
  try {
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      for (const line of decoder.decode(value, { stream: true }).split("\n")) {
        if (!line.startsWith("data: ")) continue;
        const { type } = JSON.parse(line.slice("data: ".length)) as StreamEvent;
        types.push(type);
        if (aborts && type === "chunk") abort.abort();
      }
    }
  } catch {
    types.push("aborted");
  }
  return types;
}

test("every send gets its metadata and an end, also right after one that was aborted", async () => {
  for (let round = 0; round < 5; round++) {
    await studio.script(LONG);
    const cut = await naive("first", true);
    expect(cut[0]).toBe("metadata");
    expect(cut.at(-1)).toBe("aborted");
    await studio.script(SHORT);
    const whole = await naive("second", false);
    expect(whole[0]).toBe("metadata");
    expect(["done", "error"]).toContain(whole.at(-1));
  }
});

test("the wrapper calls back as its signature says, aborting stops the run, and a refusal reaches onError", async () => {
  await studio.script(SHORT);
  await studio.cues([{ text: "CUE-LONG", reply: LONG }]);
  const { fetch: real } = globalThis;
  vi.stubGlobal("fetch", (path: string, init: RequestInit) =>
    real(studio.url + path, { ...init, headers: { ...(init.headers as Record<string, string>), ...headers } }),
  );
  const said: string[] = [];
  const on = {
    metadata: vi.fn(),
    complete: vi.fn(),
    error: vi.fn(),
  };
  await chatbotAPI.sendMessageStream(
    { session_id: session, content: "Hi" },
    on.metadata,
    (content) => said.push(content),
    on.complete,
    on.error,
  );
  expect(on.metadata).toHaveBeenCalledOnce();
  expect(on.complete).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ full_content: said.join(""), finish_reason: "stop" }),
  );
  expect(on.error).not.toHaveBeenCalled();

  const abort = new AbortController();
  await chatbotAPI.sendMessageStream(
    { session_id: session, content: "Hi CUE-LONG" },
    () => abort.abort(),
    () => undefined,
    on.complete,
    on.error,
    abort.signal,
  );
  expect(on.complete).toHaveBeenLastCalledWith(expect.objectContaining({ finish_reason: "cancelled" }));

  await chatbotAPI.sendMessageStream({ session_id: 999_999, content: "Hi" }, on.metadata, () => undefined, on.complete, on.error);
  expect(on.error).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ status: 404, code: "not_found" }));
});
