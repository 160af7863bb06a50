/** What a search found, by session: each session once, with all that was found in it. */

import type { FoundAnswer } from "../../api/schema";

/** The sessions in the order in which they were found. A match of the title needs no place of its own where a message matches too. */
export function bySession(results: readonly FoundAnswer[]): [FoundAnswer, ...FoundAnswer[]][] {
  const sessions = new Map<number, [FoundAnswer, ...FoundAnswer[]]>();
  for (const result of results) {
    const known = sessions.get(result.session_id);
    if (known === undefined) sessions.set(result.session_id, [result]);
    else if (known[0].message_id === null) known[0] = result;
    else known.push(result);
  }
  return [...sessions.values()];
}
