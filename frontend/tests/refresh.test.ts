/** What has changed is read again, whatever is on its way when it changes. */

import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { expect, test } from "vitest";

import { outdate, refresh } from "../src/api/refresh";
import { eventually } from "./eventually";

/** A query whose answers are given by hand: each call gets the next one. */
function asked(): {
  queries: QueryClient;
  observer: QueryObserver<number>;
  answer: (call: number, value: number) => Promise<void>;
  calls: () => number;
} {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: 60_000 } } });
  const waiting: ((value: number) => void)[] = [];
  const queryFn = (): Promise<number> => new Promise((resolve) => void waiting.push(resolve));
  const observer = new QueryObserver<number>(queries, { queryKey: ["thing", 1], queryFn });
  observer.subscribe(() => undefined);
  const settled = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 5));
  return {
    queries,
    observer,
    calls: () => waiting.length,
    answer: (call, value) => {
      waiting[call]?.(value);
      return settled();
    },
  };
}

test("a change while the first answer is on its way: the answer that was asked for before it does not count", async () => {
  const { queries, observer, answer, calls } = asked();
  void refresh(queries, ["thing"]);
  expect(calls()).toBe(2);
  await answer(0, 1);
  expect(observer.getCurrentResult().data).toBeUndefined();
  await answer(1, 2);
  await eventually(() => expect(observer.getCurrentResult()).toMatchObject({ data: 2, status: "success", fetchStatus: "idle" }));
});

test("a change while a later answer is on its way", async () => {
  const { queries, observer, answer } = asked();
  await answer(0, 1);
  await eventually(() => expect(observer.getCurrentResult().data).toBe(1));
  void refresh(queries, ["thing", 1]);
  void refresh(queries, ["thing"]);
  await answer(1, 2);
  expect(observer.getCurrentResult().data).toBe(1);
  await answer(2, 3);
  await eventually(() => expect(observer.getCurrentResult().data).toBe(3));
});

test("changes that follow one another quickly: the last answer stands", async () => {
  const { queries, observer, answer, calls } = asked();
  for (let change = 0; change < 4; change++) void refresh(queries, ["other"], ["thing"]);
  for (let call = 0; call < calls(); call++) await answer(call, call);
  await eventually(() => expect(observer.getCurrentResult().data).toBe(calls() - 1));
});

test("who waits for the refresh has the new answer when it ends", async () => {
  const { queries, observer, answer } = asked();
  const done = refresh(queries, ["thing"]);
  await answer(1, 2);
  await done;
  expect(observer.getCurrentResult().data).toBe(2);
});

test("a page that nobody looks at reads nothing, and knows that it is out of date even when an older answer comes in", async () => {
  const { queries, observer, answer, calls } = asked();
  void outdate(queries, ["thing"]);
  expect(calls()).toBe(1);
  await answer(0, 1);
  await eventually(() => expect(observer.getCurrentResult()).toMatchObject({ data: 1, isStale: true }));
});
