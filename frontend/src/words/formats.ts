/** Numbers, dates and lists as a language writes them, through `Intl`. Knows no sentence. */

const RELATIVE_UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

const LONG_DATE: Intl.DateTimeFormatOptions = { day: "numeric", month: "long", year: "numeric" };

/** `language`: a BCP 47 tag. `justNow`: what is said of times less than a minute away. */
export function formats(language: string, justNow: string) {
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const rules = new Intl.PluralRules(language);
  const list = new Intl.ListFormat(language, { type: "conjunction" });
  const number = (value: number, digits = 0): string =>
    value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });

  return {
    /** *12,345*; `digits`: how many stand behind the point. */
    number,
    /** *61%*, of a fraction. */
    percent: (fraction: number): string => fraction.toLocaleString(language, { style: "percent" }),
    /** *a, b and c* */
    list: (items: readonly string[]): string => list.format(items),
    /** *24 November 2026*, of a moment in ISO 8601, where the reader is. */
    date: (time: string): string => new Date(time).toLocaleDateString(language, LONG_DATE),
    /** *24 Nov 2026*, of a day such as `2026-11-24`, which is the same day everywhere. */
    day: (day: string): string => new Date(day).toLocaleDateString(language, { ...LONG_DATE, month: "short", timeZone: "UTC" }),
    /** *3 hours ago*, of a moment in ISO 8601. */
    ago: (time: string, now = Date.now()): string => {
      const seconds = (new Date(time).getTime() - now) / 1000;
      const unit = RELATIVE_UNITS.find(([, size]) => Math.abs(seconds) >= size);
      return unit === undefined ? justNow : relative.format(Math.round(seconds / unit[1]), unit[0]);
    },
    /** The form that the language wants for a count, with the count in front: *1 reply*, *2,000 replies*. */
    plural: (count: number, forms: Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }): string =>
      `${number(count)} ${forms[rules.select(count)] ?? forms.other}`,
  };
}
