/** How English writes numbers, times and counts of things. */

import { formats } from "../formats";

export const format = formats("en-GB", { justNow: "just now" });
export const { ago, date, duration, list, number, or, percent, plural } = format;

export const tokens = (count: number): string => plural(count, { one: "token", other: "tokens" });
export const trials = (count: number): string => plural(count, { one: "trial", other: "trials" });
/** *+12 points*, of a difference between two shares. */
export const points = (difference: number): string => {
  const value = Math.round(100 * difference);
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${number(Math.abs(value))}`;
};
export const between = (low: number, high: number): string => `${points(low)} to ${points(high)} points`;
