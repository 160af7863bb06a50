/**
 * The pages of the studio: where they are and who may see them. The router, the navigation, the palette and the titles derive from
 * this list. A new page is a line here, its title in `words/`, its component in `pages/` and in the table of `app/App.tsx`.
 */

import { words } from "./words";

/** `visitor`: whoever is not signed in; `anybody`: also without an account. */
type Audience = "visitor" | "anybody" | "user" | "admin";

interface Place {
  path: string;
  who: Audience;
  /** What the router matches beside `path`. */
  below?: string;
  /** The navigation names it only where the gateway offers it to whoever is signed in. */
  offered?: true;
}

const PLACES = {
  signIn: { path: "/sign-in", who: "visitor" },
  join: { path: "/join", who: "anybody" },
  studio: { path: "/", who: "user", below: "/c/:id" },
  templates: { path: "/templates", who: "user", below: "/templates/:id" },
  maze: { path: "/maze", who: "user", below: "/maze/:id" },
  lab: { path: "/lab", who: "user", below: "/lab/:id" },
  rooms: { path: "/rooms", who: "user", below: "/rooms/:id", offered: true },
  usage: { path: "/usage", who: "user" },
  settings: { path: "/settings", who: "user" },
  admin: { path: "/admin", who: "admin" },
} satisfies Record<keyof typeof words.pages, Place>;

export type PageName = keyof typeof PLACES;

export interface SitePage extends Place {
  name: PageName;
  title: string;
}

const NAMES = Object.keys(PLACES) as PageName[];

/** The pages that somebody who is signed in may see, in the order of the navigation. */
export function pagesFor({ isAdmin }: { isAdmin: boolean }): readonly SitePage[] {
  return NAMES.map((name): SitePage => ({ ...PLACES[name], name, title: words.pages[name] })).filter(
    ({ who }) => who === "user" || (who === "admin" && isAdmin),
  );
}

/** Those that the navigation names. `opensRooms`: whether this person may open rooms here. */
export function namedPages({ isAdmin, opensRooms }: { isAdmin: boolean; opensRooms: boolean }): readonly SitePage[] {
  return pagesFor({ isAdmin }).filter(({ offered }) => opensRooms || offered === undefined);
}

export function pathOf(name: PageName): string {
  return PLACES[name].path;
}

/** Where a game in the maze is played, watched and replayed. */
export function gamePath(game: number): string {
  return `${PLACES.maze.path}/${game}`;
}

/** Where a session begins in a folder. */
export function newInFolderPath(folder: number): string {
  return `${PLACES.studio.path}?folder=${folder}`;
}

/** Where a session is read, or a message in it. */
export function sessionPath(session: number, message: number | null = null): string {
  return message === null ? `/c/${session}` : `/c/${session}?message=${message}`;
}

/** Where a link leads that lets somebody into a session. The secret is no part of what a browser asks a server for. */
export function joinPath(secret: string): string {
  return `${PLACES.join.path}#${secret}`;
}

/** A room, the form that opens one, or the form that lets one in. */
export function roomPath(part: number | "new" | "join"): string {
  return `${PLACES.rooms.path}/${part}`;
}

/** A run of the lab, `new`, or `sets`. */
export function labPath(part: number | "new" | "sets", query: Readonly<Record<string, string | number>> = {}): string {
  const asked = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)])).toString();
  return `/lab/${part}${asked === "" ? "" : `?${asked}`}`;
}
