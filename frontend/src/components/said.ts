/** Numbers and times as the page says them. */

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** *3 hours ago*; times are ISO 8601. */
export function ago(time: string, now = Date.now()): string {
  const seconds = (new Date(time).getTime() - now) / 1000;
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return unit === "second" ? "just now" : relative.format(Math.round(seconds / length), unit);
}

/** *24 November 2026* */
export function day(time: string): string {
  return new Date(time).toLocaleDateString("en", { day: "numeric", month: "long", year: "numeric" });
}

export function count(number: number): string {
  return number.toLocaleString("en");
}

/** *Firefox on Linux*, from what a browser says it is; other programs are named as they name themselves. */
export function device(agent: string | null): string {
  if (agent === null) return "Unknown";
  const browser = (["Edg", "Firefox", "Chrome", "Safari"] as const).find((name) => agent.includes(`${name}/`));
  const system = (["Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux"] as const).find((name) => agent.includes(name));
  if (browser === undefined || system === undefined) return agent.split(/[\s(]/)[0] ?? agent;
  return `${browser === "Edg" ? "Edge" : browser} on ${system}`;
}
