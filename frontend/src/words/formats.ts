/** Numbers, dates and lists as a language writes them, through `Intl`. Knows no sentence. */

const RELATIVE_UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

const LONG_DATE: Intl.DateTimeFormatOptions = { day: "numeric", month: "long", year: "numeric" };

interface Says {
  /** Of times less than a minute away. */
  justNow: string;
  /** Milliseconds, seconds and minutes behind a number. */
  units?: { ms: string; s: string; min: string };
  /** The plural forms that say their count themselves, such as Arabic's for one and two. */
  alone?: readonly Intl.LDMLPluralRule[];
}

/** `language`: a BCP 47 tag. */
export function formats(language: string, { justNow, units = { ms: "ms", s: "s", min: "min" }, alone = [] }: Says) {
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const rules = new Intl.PluralRules(language);
  const collator = new Intl.Collator(language, { numeric: true });
  const list = new Intl.ListFormat(language, { type: "conjunction" });
  const choice = new Intl.ListFormat(language, { type: "disjunction" });
  const numbers = new Map<number, Intl.NumberFormat>(); // to make one takes longer than to render what shows it
  const number = (value: number, digits = 0): string => {
    const written =
      numbers.get(digits) ?? new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
    numbers.set(digits, written);
    return written.format(value);
  };

  return {
    /** *12,345*; `digits`: how many stand behind the point. */
    number,
    /** *61%*, of a fraction. */
    percent: (fraction: number): string => fraction.toLocaleString(language, { style: "percent" }),
    /** *a, b and c* */
    list: (items: readonly string[]): string => list.format(items),
    /** *a, b or c* */
    or: (items: readonly string[]): string => choice.format(items),
    /** Which of two names stands first. */
    compare: (one: string, other: string): number => collator.compare(one, other),
    /** *24 November 2026*, of a moment in ISO 8601, where the reader is. */
    date: (time: string): string => new Date(time).toLocaleDateString(language, LONG_DATE),
    /** *24 Nov 2026*, of a day such as `2026-11-24`, which is the same day everywhere. */
    day: (day: string): string => new Date(day).toLocaleDateString(language, { ...LONG_DATE, month: "short", timeZone: "UTC" }),
    /** When, in few letters: *14:05* since yesterday, *Mon* in the last week, *24 Nov*, *24 Nov 2025*; where the reader is. */
    when: (time: string, now = new Date()): string => {
      const then = new Date(time);
      const days = (new Date(now).setHours(0, 0, 0, 0) - new Date(then).setHours(0, 0, 0, 0)) / 86_400_000;
      if (days < 1.5) return then.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
      if (days < 6.5) return then.toLocaleDateString(language, { weekday: "short" });
      const isThisYear = then.getFullYear() === now.getFullYear();
      return then.toLocaleDateString(language, { day: "numeric", month: "short", ...(!isThisYear && { year: "numeric" }) });
    },
    /** *Saturday 28 November 2026 at 14:05*, where the reader is. */
    moment: (time: string): string => new Date(time).toLocaleString(language, { dateStyle: "full", timeStyle: "short" }),
    /** *3 hours ago*, of a moment in ISO 8601. */
    ago: (time: string, now = Date.now()): string => {
      const seconds = (new Date(time).getTime() - now) / 1000;
      const unit = RELATIVE_UNITS.find(([, size]) => Math.abs(seconds) >= size);
      return unit === undefined ? justNow : relative.format(Math.round(seconds / unit[1]), unit[0]);
    },
    /** *240 ms*, *1.2 s*, *34 s*, *2 min 5 s*: as many digits as mean something. */
    duration: (ms: number): string => {
      if (ms < 1) return `< ${number(1)} ${units.ms}`;
      if (ms < 995) return `${number(ms)} ${units.ms}`;
      if (ms < 9_950) return `${number(ms / 1000, 1)} ${units.s}`;
      const seconds = Math.round(ms / 1000);
      if (seconds < 60) return `${number(seconds)} ${units.s}`;
      return `${number(Math.floor(seconds / 60))} ${units.min} ${number(seconds % 60)} ${units.s}`;
    },
    /** The form that the language wants for a count, with the count in front: *1 reply*, *2,000 replies*. */
    plural: (count: number, forms: Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }): string => {
      const rule = rules.select(count);
      const form = forms[rule];
      return form !== undefined && alone.includes(rule) ? form : `${number(count)} ${form ?? forms.other}`;
    },
  };
}
