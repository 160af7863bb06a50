/** How Arabic writes numbers, times and counts of things: the digits are those of the reader's country. */

import { formats } from "../formats";

const tags = (globalThis.navigator as Navigator | undefined)?.languages ?? [];

export const format = formats(tags.find((tag) => /^ar\b/.test(tag)) ?? "ar", {
  justNow: "الآن",
  units: { ms: "م.ث", s: "ث", min: "د" },
  alone: ["one", "two"], // Arabic says one and two of a thing without a number
});
export const { ago, date, duration, list, number, or, percent, plural } = format;

/** Keeps a name in whatever script from mixing with the sentence around it. */
export const name = (text: string): string => `\u2068${text}\u2069`;
export const quoted = (text: string): string => `«${name(text)}»`;

export const tokens = (count: number): string =>
  plural(count, { zero: "رمز", one: "رمز واحد", two: "رمزان", few: "رموز", many: "رمزًا", other: "رمز" });
export const characters = (count: number): string =>
  plural(count, { zero: "حرف", one: "حرف واحد", two: "حرفان", few: "أحرف", many: "حرفًا", other: "حرف" });
export const replies = (count: number): string =>
  plural(count, { zero: "رد", one: "رد واحد", two: "ردّين", few: "ردود", many: "ردًّا", other: "رد" });
export const trials = (count: number): string =>
  plural(count, { zero: "تجربة", one: "تجربة واحدة", two: "تجربتان", few: "تجارب", many: "تجربة", other: "تجربة" });
export const tasks = (count: number): string =>
  plural(count, { zero: "مهمة", one: "مهمة واحدة", two: "مهمتين", few: "مهام", many: "مهمة", other: "مهمة" });
/** After a preposition. */
export const steps = (count: number): string =>
  plural(count, { zero: "خطوة", one: "خطوة واحدة", two: "خطوتين", few: "خطوات", many: "خطوة", other: "خطوة" });
export const ticks = (count: number): string =>
  plural(count, { zero: "نبضة", one: "نبضة واحدة", two: "نبضتان", few: "نبضات", many: "نبضة", other: "نبضة" });

/** *+12 points*, of a difference between two shares. */
export const points = (difference: number): string => {
  const value = Math.round(100 * difference);
  return `\u2066${value > 0 ? "+" : value < 0 ? "−" : ""}${number(Math.abs(value))}\u2069`;
};
export const between = (low: number, high: number): string => `من ${points(low)} إلى ${points(high)} نقطة مئوية`;
