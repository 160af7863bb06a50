/** Files on their way into a draft. */

import { expect, test } from "vitest";

import { Uploads, type Attach } from "../src/stores/uploads";

/** Work that goes on until it is told how it ends. */
function work(log: string[], name: string): { attach: Attach; end: (problem?: string) => unknown; share: (share: number) => void } {
  const ends = new EventTarget();
  const promise = new Promise<void>((resolve, reject) => {
    ends.addEventListener("end", () => resolve());
    ends.addEventListener("problem", (event) => reject(new Error((event as CustomEvent<string>).detail)));
  });
  const end = (problem?: string): unknown =>
    ends.dispatchEvent(problem === undefined ? new Event("end") : new CustomEvent("problem", { detail: problem }));
  let onShare: (share: number) => void = () => undefined;
  return {
    attach: async (report, signal) => {
      onShare = report;
      log.push(`${name} begins`);
      signal.addEventListener("abort", () => end("aborted"));
      await promise;
      log.push(`${name} is attached`);
    },
    end,
    share: (share) => onShare(share),
  };
}

const PICTURE = { name: "a.png", kind: "picture" } as const;

test("those of a kind go one after the other, in their order; those of another kind do not wait for them", async () => {
  const [uploads, log]: [Uploads, string[]] = [new Uploads(), []];
  const [first, second, text] = [work(log, "first"), work(log, "second"), work(log, "text")];
  const all = [uploads.add(1, PICTURE, first.attach), uploads.add(1, PICTURE, second.attach)];
  all.push(uploads.add(1, { name: "a.md", kind: "document" }, text.attach));
  second.end();
  text.end();
  await all[2];
  expect(log).toEqual(["first begins", "text begins", "text is attached"]);
  first.end();
  await all[1];
  expect(log.slice(3)).toEqual(["first is attached", "second begins", "second is attached"]);
  expect(uploads.get(1)).toEqual([]);
});

test("it says how much of a file was sent, by session", async () => {
  const uploads = new Uploads();
  const one = work([], "one");
  const added = uploads.add(null, PICTURE, one.attach);
  await Promise.resolve();
  one.share(0.5);
  expect(uploads.get(null)).toMatchObject([{ name: "a.png", kind: "picture", share: 0.5, problem: null }]);
  expect(uploads.get(1)).toEqual([]);
  one.end();
  await added;
  expect(uploads.get(null)).toEqual([]);
});

test("what could not be attached says why until it is taken away, and holds up nothing", async () => {
  const uploads = new Uploads();
  const [bad, good] = [work([], "bad"), work([], "good")];
  void uploads.add(1, PICTURE, bad.attach);
  const last = uploads.add(1, PICTURE, good.attach);
  bad.end("This is no picture.");
  good.end();
  await last;
  expect(uploads.get(1)).toMatchObject([{ problem: "This is no picture." }]);
  uploads.remove(1, uploads.get(1)[0]?.id ?? 0);
  expect(uploads.get(1)).toEqual([]);
});

test("one that is cancelled ends at once, before its turn or in the middle of it, and leaves nothing", async () => {
  const [uploads, log]: [Uploads, string[]] = [new Uploads(), []];
  const [first, second, third] = [work(log, "first"), work(log, "second"), work(log, "third")];
  void uploads.add(1, PICTURE, first.attach);
  void uploads.add(1, PICTURE, second.attach);
  const last = uploads.add(1, PICTURE, third.attach);
  await Promise.resolve();
  const [one, two] = uploads.get(1);
  uploads.remove(1, two?.id ?? 0);
  uploads.remove(1, one?.id ?? 0);
  third.end();
  await last;
  expect(log).toEqual(["first begins", "third begins", "third is attached"]);
  expect(uploads.get(1)).toEqual([]);
});
