import { words } from "../../words";

/** *Firefox on Linux*, from what a browser says it is; other programs are named as they name themselves. */
export function device(agent: string | null): string {
  if (agent === null) return words.common.unknown;
  const browser = (["Edg", "Firefox", "Chrome", "Safari"] as const).find((name) => agent.includes(`${name}/`));
  const system = (["Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux"] as const).find((name) => agent.includes(name));
  if (browser === undefined || system === undefined) return agent.split(/[\s(]/)[0] ?? agent;
  return words.settings.browserOn(browser === "Edg" ? "Edge" : browser, system);
}
