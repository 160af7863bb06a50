/** The title of a session, as a page shows it. */

import { words } from "../words";

/** The gateway's own word for a session that has no title. */
const NO_TITLE = "New Chat";

export function titleOf({ title }: { title: string }): string {
  return title === NO_TITLE ? words.studio.untitled : title;
}
