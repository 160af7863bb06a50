/** What generations cost, as server data and as bars. */

import { queryOptions } from "@tanstack/react-query";

import { answered, api } from "../../api/http";
import type { UsageAnswer } from "../../api/schema";
import type { Bar } from "./Plot";

const DAY_MS = 86_400_000;

export function usage(days: number, everybody: boolean) {
  const first = new Date(Date.now() - (days - 1) * DAY_MS).toISOString().slice(0, 10);
  return queryOptions({
    queryKey: ["usage", first, everybody],
    queryFn: () => answered(api.GET("/api/usage", { params: { query: { first, everybody } } })),
  });
}

/** Tokens written a day, days without any included. */
export function daily({
  first,
  last,
  days,
}: Pick<UsageAnswer, "first" | "last"> & { days: Pick<UsageAnswer["days"][number], "day" | "completion_tokens">[] }): Bar[] {
  const known = new Map(days.map((one) => [one.day, one.completion_tokens]));
  const bars: Bar[] = [];
  for (let time = Date.parse(first); time <= Date.parse(last); time += DAY_MS) {
    const label = new Date(time).toISOString().slice(0, 10);
    bars.push({ label, value: known.get(label) ?? 0 });
  }
  return bars;
}
