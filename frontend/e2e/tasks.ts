/** How long the tasks of a page hold its main thread, in milliseconds of the processor: a busy machine makes them no longer. */

import type { Page } from "playwright-core";

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  tdur?: number;
  args?: { name?: string };
}

/** The tasks over `least` milliseconds in any page of the browser while something is done. */
export async function longTasks(page: Page, least: number, act: () => Promise<void>): Promise<number[]> {
  const devtools = await page.context().browser()?.newBrowserCDPSession();
  if (devtools === undefined) throw new Error("no browser");
  const events: TraceEvent[] = [];
  devtools.on("Tracing.dataCollected", ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  const complete = new Promise<void>((resolve) => devtools.once("Tracing.tracingComplete", () => resolve()));
  const includedCategories = ["disabled-by-default-devtools.timeline", "__metadata"];
  await devtools.send("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories } });
  await act();
  await devtools.send("Tracing.end");
  await complete;
  await devtools.detach();
  const key = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`;
  const mains = new Set(events.filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain").map(key));
  const tasks = events.filter((event) => event.name === "RunTask" && mains.has(key(event)));
  if (tasks.length === 0) throw new Error("the trace has no tasks");
  return tasks
    .map(({ tdur = 0 }) => Math.round(tdur / 1000))
    .filter((duration) => duration > least)
    .sort((a, b) => b - a);
}
