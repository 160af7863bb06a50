import { beforeEach, expect, test, vi } from "vitest";

const stored = new Map<string, string>();

beforeEach(() => {
  stored.clear();
  vi.resetModules();
  vi.stubGlobal("document", { documentElement: { dataset: {} }, querySelector: () => null });
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
  });
});

test.each([
  ["preferences", { theme: "dark" }, { keys: false }],
  ["maze-choice", { germs: 7 }, { fog: true }],
] as const)("%s: a change here keeps what another tab has changed", async (module, there, here) => {
  const load = async (): Promise<{ set: (changes: object) => void; get: () => object }> => {
    vi.resetModules();
    return module === "preferences"
      ? (await import("../src/stores/preferences")).preferences
      : (await import("../src/stores/maze-choice")).mazeChoice;
  };
  const [one, other] = [await load(), await load()];
  other.set(there);
  one.set(here);
  expect(one.get()).toMatchObject({ ...there, ...here });
  expect(await load().then((later) => later.get())).toMatchObject({ ...there, ...here });
});
