/**
 * The pages of the studio: where they are and who may see them. The router, the navigation, the palette and the titles derive from
 * this list. A new page is a line here, its title in `words/`, its component in `pages/` and in the table of `app/App.tsx`.
 */

import { words } from "./words";

/** `visitor`: whoever is not signed in. */
type Audience = "visitor" | "user" | "admin";

interface Place {
  path: string;
  who: Audience;
  /** What the router matches beside `path`. */
  below?: string;
}

const PLACES = {
  signIn: { path: "/sign-in", who: "visitor" },
  studio: { path: "/", who: "user", below: "/c/:id" },
  templates: { path: "/templates", who: "user", below: "/templates/:id" },
  maze: { path: "/maze", who: "user", below: "/maze/:id" },
  lab: { path: "/lab", who: "user", below: "/lab/:id" },
  usage: { path: "/usage", who: "user" },
  settings: { path: "/settings", who: "user" },
  admin: { path: "/admin", who: "admin" },
} satisfies Record<keyof typeof words.pages, Place>;

export type PageName = keyof typeof PLACES;

export interface SitePage extends Place {
  name: PageName;
  title: string;
}

const ALL: readonly SitePage[] = (Object.keys(PLACES) as PageName[]).map((name) => ({
  ...PLACES[name],
  name,
  title: words.pages[name],
}));

/** The pages that somebody who is signed in may see, in the order of the navigation. */
export function pagesFor({ isAdmin }: { isAdmin: boolean }): readonly SitePage[] {
  return ALL.filter(({ who }) => who === "user" || (who === "admin" && isAdmin));
}

export function pathOf(name: PageName): string {
  return PLACES[name].path;
}

/** Where a game in the maze is played, watched and replayed. */
export function gamePath(game: number): string {
  return `${PLACES.maze.path}/${game}`;
}

/** Where a session is read, or a message in it. */
export function sessionPath(session: number, message: number | null = null): string {
  return message === null ? `/c/${session}` : `/c/${session}?message=${message}`;
}

/** A run of the lab, `new`, or `sets`. */
export function labPath(part: number | "new" | "sets", query: Readonly<Record<string, string | number>> = {}): string {
  const asked = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)])).toString();
  return `/lab/${part}${asked === "" ? "" : `?${asked}`}`;
}
