/** The models that can be chosen: where each is, and how it is doing. */

import { expect, test } from "vitest";

import type { HealthAnswer, ModelAnswer, WorkerHealth } from "../src/api/schema";
import { blindness, choicesOf } from "../src/features/options/models";

function model(name: string, facts: Partial<ModelAnswer>): ModelAnswer {
  return { name, n_ctx: null, can: { images: false }, servers: [], state: "ready", places: 1, busy: 0, ...facts };
}

const KNOWN = {
  default: "small",
  models: [model("small", { n_ctx: 4096, can: { images: true } }), model("large", { can: { images: true } })],
};
const ABOUT: HealthAnswer = {
  status: "ok",
  ready: true,
  mode: "sse",
  version: "1",
  registration: "open",
  voice: { speech: false, transcription: false },
  rooms: false,
};
const SERVER = { state: "loading", address: "127.0.0.1:8080", detail: null, slots: 1, running: 0, waiting: 0 } as const;

function worker(name: string, state: WorkerHealth["state"], ...models: string[]): WorkerHealth {
  return { name, state, models, slots: 1, running: 0, streaming: true, version: "1" };
}

test("without workers every model is on the server, in the server's state", () => {
  const found = choicesOf(null, KNOWN, { ...ABOUT, engine: SERVER });
  expect(found.map(({ name, where, state }) => [name, where, state])).toEqual([
    [null, ["127.0.0.1:8080"], "loading"],
    ["small", ["127.0.0.1:8080"], "loading"],
    ["large", ["127.0.0.1:8080"], "loading"],
  ]);
});

test("with workers a model is where workers have it, and ready while one of them answers", () => {
  const workers = [worker("a", "busy", "small"), worker("b", "offline", "small", "large")];
  const found = choicesOf("small", KNOWN, { ...ABOUT, mode: "mqtt", workers });
  expect(found.map(({ name, where, state }) => [name, where, state])).toEqual([
    [null, ["a", "b"], "ready"],
    ["small", ["a", "b"], "ready"],
    ["large", ["b"], "unavailable"],
  ]);
});

test("with several servers each model says where it is and how it is doing", () => {
  const known = {
    default: "quick",
    models: [
      model("quick", { servers: ["gpu", "lab"], state: "busy", places: 4, busy: 4 }),
      model("home", { servers: ["home"], state: "asleep", can: { images: false, thinking: true, tools: null } }),
      model("far", { servers: ["far"], state: "unreachable", price: { input: 1, output: null } }),
    ],
  };
  const found = choicesOf(null, known, { ...ABOUT, engine: { ...SERVER, state: "ready" } });
  expect(found.slice(1).map(({ where, state, places, busy }) => [where, state, places, busy])).toEqual([
    [["gpu", "lab"], "busy", 4, 4],
    [["home"], "asleep", 1, 0],
    [["far"], "unreachable", 1, 0],
  ]);
  expect(found.slice(1).map(({ thinks, tools }) => [thinks, tools])).toEqual([
    [false, false],
    [true, false],
    [false, false],
  ]);
  expect(found.at(-1)?.price).toEqual({ input: 1, output: null });
});

test("a model of one server may be busy while the server is well, and is not when it is gone", () => {
  const known = { default: "one", models: [model("one", { state: "busy", busy: 1 })] };
  const stateWith = (state: "ready" | "unreachable"): unknown =>
    choicesOf("one", known, { ...ABOUT, engine: { ...SERVER, state } }).at(-1)?.state;
  expect([stateWith("ready"), stateWith("unreachable")]).toEqual(["busy", "unreachable"]);
  const workers = [worker("a", "busy", "one")];
  expect(choicesOf("one", known, { ...ABOUT, mode: "mqtt", workers }).at(-1)?.state).toBe("busy");
});

test("a model that was chosen and is gone stays in the list, and is unavailable", () => {
  expect(choicesOf("gone", KNOWN, undefined).at(-1)).toMatchObject({ name: "gone", state: "unavailable" });
  expect(choicesOf("small", undefined, undefined)).toEqual([]);
});

test("a model that cannot see is named with those that can; of one that sees, or is gone, nothing is said", () => {
  const known = {
    default: "small",
    models: [model("small", {}), model("eye", { can: { images: true } })],
  };
  expect(blindness(null, known)).toEqual({ model: "small", others: ["eye"] });
  expect(blindness("eye", known)).toBeNull();
  expect([blindness("small", KNOWN), blindness("gone", known), blindness(null, undefined)]).toEqual([null, null, null]);
  expect(choicesOf(null, known, ABOUT).map(({ sees }) => sees)).toEqual([false, false, true]);
});
