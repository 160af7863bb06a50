import { ChevronLeft, ChevronRight } from "lucide-react";

import type { MessageAnswer } from "../../api/schema";
import type { Conversation } from "./conversation";

/** ‹ 2 / 3 ›: what else stands in this place. */
export function Branches({ message, busy, conversation }: { message: MessageAnswer; busy: boolean; conversation: Conversation }) {
  const { siblings } = message;
  const at = siblings.indexOf(message.id);
  if (siblings.length < 2) return null;
  const step = (by: number): void => {
    const other = siblings[at + by];
    if (other !== undefined) void conversation.show(other);
  };
  return (
    <span className="branches" role="group" aria-label="Versions">
      <button type="button" className="quiet icon" aria-label="Previous version" disabled={busy || at <= 0} onClick={() => step(-1)}>
        <ChevronLeft aria-hidden />
      </button>
      {at + 1}/{siblings.length}
      <button type="button" className="quiet icon" aria-label="Next version" disabled={busy || at === siblings.length - 1} onClick={() => step(1)}>
        <ChevronRight aria-hidden />
      </button>
    </span>
  );
}
