/** How long the tasks of a page hold its main thread, in milliseconds of the processor: a busy machine makes them no longer. */

import { setTimeout as delay } from "node:timers/promises";

import type { Page } from "playwright-core";

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  tdur?: number;
  args?: { name?: string };
}

/** The most that `reference` took on the machine that the bounds were chosen for, in milliseconds. */
const REFERENCE = 60;

/** A fixed piece of work of a page's kind: elements are made, styled, laid out and removed. */
async function reference(): Promise<void> {
  const box = document.createElement("div");
  for (let at = 0; at < 1000; at++) {
    const line = box.appendChild(document.createElement("p"));
    line.append("A line of ", document.createElement("b"), `some words, number ${at}`);
  }
  document.body.append(box);
  box.getBoundingClientRect();
  box.remove();
  await new Promise((next) => setTimeout(next)); // a task is in the trace once it has ended
}

/** All processes agree to a trace in some hundredths of a second; for one that is about to end the browser waits ten, in vain. */
const START_LIMIT = 1_000;

/** The tasks in any page of the browser while something is done, the longest first. */
async function tasksOf(page: Page, act: () => Promise<void>): Promise<number[]> {
  const devtools = await page.context().browser()?.newBrowserCDPSession();
  if (devtools === undefined) throw new Error("no browser");
  const events: TraceEvent[] = [];
  devtools.on("Tracing.dataCollected", ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  const complete = new Promise<void>((resolve) => devtools.once("Tracing.tracingComplete", () => resolve()));
  const includedCategories = ["disabled-by-default-devtools.timeline", "__metadata"];
  const start = devtools.send("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories } });
  await Promise.race([start, delay(START_LIMIT)]);
  await act();
  await devtools.send("Tracing.end");
  await complete;
  await devtools.detach();
  const key = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`;
  const mains = new Set(events.filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain").map(key));
  const tasks = events.filter((event) => event.name === "RunTask" && mains.has(key(event)));
  if (tasks.length === 0) throw new Error("the trace has no tasks");
  return tasks.map(({ tdur = 0 }) => Math.round(tdur / 1000)).sort((a, b) => b - a);
}

/** How much longer this machine takes now than the one of the bounds; 1 where it is faster. */
async function slowness(page: Page): Promise<number> {
  const blank = await page.context().newPage();
  const durations: number[] = [];
  for (let round = 0; round < 5; round++) {
    const [longest = 0] = await tasksOf(blank, () => blank.evaluate(reference));
    durations.push(longest);
  }
  await blank.close();
  return Math.max(1, Math.min(...durations) / REFERENCE);
}

/** The tasks over `least` milliseconds in any page of the browser while something is done. Where the machine is slower, with what they
 *  would have taken on the one of the bounds. */
export async function longTasks(page: Page, least: number, act: () => Promise<void>): Promise<number[]> {
  const tasks = await tasksOf(page, act);
  if ((tasks[0] ?? 0) <= least) return [];
  const factor = await slowness(page);
  return tasks.map((duration) => Math.round(duration / factor)).filter((duration) => duration > least);
}
