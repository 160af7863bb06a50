/** Where the focus goes when the entry that had it disappears. */

import { focusTarget } from "../../components/focus";

/** The link that begins a session. */
export const [newSessionRef, focusNewSession] = focusTarget<HTMLAnchorElement>();
