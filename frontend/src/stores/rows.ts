/** What stands in a conversation, one under the other, while a reply is on its way. */

import type { MessageAnswer } from "../api/schema";
import type { Metadata } from "../protocol/events";
import type { Part } from "../protocol/parts";

/** `asked`: a turn that was sent and is not stored yet. `live`: the reply on its way; its message once that is known. */
export type Row =
  | { kind: "turn"; key: string; message: MessageAnswer }
  | { kind: "answer"; key: string; message: MessageAnswer }
  | { kind: "asked"; key: string; parts: readonly Part[] }
  | { kind: "live"; key: string; message: MessageAnswer | null };

/** `hides`: the first message that the reply on its way takes the place of, as long as the old path is known. `about`: what its stream says of it, once it has. */
export interface OnItsWay {
  asked: readonly Part[] | null;
  hides: number | null;
  about: Pick<Metadata, "user_message_id" | "assistant_message_id"> | null;
}

export function rows(messages: MessageAnswer[], live: OnItsWay | null): Row[] {
  const about = live?.about ?? null;
  const from = live?.hides == null ? -1 : messages.findIndex(({ id }) => id === live.hides);
  const shown = from === -1 ? messages : messages.slice(0, from);
  const found = shown.map((message): Row => {
    const isLive = about !== null && message.id === about.assistant_message_id;
    return { kind: message.role === "user" ? "turn" : isLive ? "live" : "answer", key: `${message.id}`, message };
  });
  if (live === null || found.some(({ kind }) => kind === "live")) return found;
  const turnIsThere = about !== null && shown.some(({ id }) => id === about.user_message_id);
  if (live.asked !== null && !turnIsThere) found.push({ kind: "asked", key: "asked", parts: live.asked });
  found.push({ kind: "live", key: about === null ? "live" : `${about.assistant_message_id ?? "live"}`, message: null });
  return found;
}

/** Where the last exchange begins: it stands in the page as it is, what is before it only while it is in sight. */
export function lastExchange(found: Row[]): number {
  const last = found.findLastIndex(({ kind }) => kind === "turn" || kind === "asked");
  return Math.max(0, last);
}
