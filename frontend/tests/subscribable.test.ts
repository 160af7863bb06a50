/** Listeners of a store. */

import { afterEach, expect, test, vi } from "vitest";

import { Subscribable } from "../src/stores/subscribable";

class Store extends Subscribable {
  change(): string {
    this.notify();
    return "changed";
  }
}

afterEach(() => {
  vi.unstubAllGlobals();
});

test("a listener that fails keeps nothing from the others, nor from whoever made the change", () => {
  const reported = vi.fn();
  vi.stubGlobal("reportError", reported);
  const store = new Store();
  const [first, last] = [vi.fn(), vi.fn()];
  const failure = new Error("broken");
  store.subscribe(first);
  store.subscribe(() => {
    throw failure;
  });
  store.subscribe(last);
  expect(store.change()).toBe("changed");
  expect(first).toHaveBeenCalledOnce();
  expect(last).toHaveBeenCalledOnce();
  expect(reported).toHaveBeenCalledExactlyOnceWith(failure);
});
