/** What generations cost, as server data and as bars. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query";

import { answered, api } from "../../api/http";
import type { UsageAnswer } from "../../api/schema";
import { addressOf } from "../../base";

const DAY_MS = 86_400_000;

/** Whose usage of what is looked at. `whose`: oneself, everybody, or the number of an account. `key` 0: what was asked without one. */
export interface Filters {
  days: number;
  whose: "me" | "all" | number;
  model: string | null;
  key: number | null;
}

function queryOf({ days, whose, model, key }: Filters) {
  return {
    first: new Date(Date.now() - (days - 1) * DAY_MS).toISOString().slice(0, 10),
    ...(whose === "all" && { everybody: true }),
    ...(typeof whose === "number" && { user_id: whose }),
    ...(model !== null && { model }),
    ...(key !== null && { key_id: key }),
  };
}

export function usage(filters: Filters) {
  const query = queryOf(filters);
  return queryOptions({
    queryKey: ["usage", query],
    queryFn: () => answered(api.GET("/api/usage", { params: { query } })),
    placeholderData: keepPreviousData,
  });
}

/** The address of the same as CSV. */
export function tableOf(filters: Filters): string {
  const query = Object.entries(queryOf(filters)).map(([name, value]): [string, string] => [name, String(value)]);
  return addressOf(`/api/usage/export?${new URLSearchParams(query).toString()}`);
}

/** A figure of a day; null where nobody measured it. */
export interface Point {
  day: string;
  value: number | null;
}

type Day = UsageAnswer["days"][number];

/** A figure of each day, days without any included. */
export function daily<D extends Pick<Day, "day">>(
  { first, last, days }: { first: string; last: string; days: readonly D[] },
  read: (day: D) => number | null,
): Point[] {
  const known = new Map(days.map((one) => [one.day, read(one)]));
  const points: Point[] = [];
  for (let time = Date.parse(first); time <= Date.parse(last); time += DAY_MS) {
    const day = new Date(time).toISOString().slice(0, 10);
    points.push({ day, value: known.get(day) ?? null });
  }
  return points;
}

/** The end of an axis that holds `most`; its half is a round number, too. */
export function topOf(most: number): number {
  if (most <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(most));
  return power * ([1, 2, 4, 6, 8, 10].find((step) => step * power >= most) ?? 10);
}
