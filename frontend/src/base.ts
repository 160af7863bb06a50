/**
 * The path below which the gateway is reached, such as `/studio`; empty for none. The gateway writes it into the document, whose addresses
 * it changes alike. Other programs may share the origin: what the page keeps in the browser has names of its own.
 */

const written = typeof document === "undefined" ? "/" : document.querySelector<HTMLMetaElement>('meta[name="base"]')?.content;

export const base = (written ?? "/").replace(/\/$/, "");

/** The address of a path of the gateway, for links and requests that bypass the router. */
export function addressOf(path: string): string {
  return base + path;
}

/** The name under which the browser keeps something: as it is at the root of a host, else with the base in front. */
export function keptName(name: string): string {
  return base === "" ? name : `${base} ${name}`;
}

/** Whether this page keeps something under that name. At the root of a host, what begins with `/` belongs to a studio below a path. */
export function isOurs(name: string): boolean {
  return base === "" ? !name.startsWith("/") : name.startsWith(`${base} `);
}

/** Whether an address of the browser is one of the page's. */
export function isBelowBase(path: string): boolean {
  return path === base || path.startsWith(`${base}/`);
}
