import { ChevronLeft, ChevronRight } from "lucide-react";

import type { MessageAnswer } from "../../api/schema";
import type { Conversation } from "./conversation";
import { focusVersion } from "./focus";

/** ‹ 2 / 3 ›: what else stands in this place. */
export function Branches({ message, busy, conversation }: { message: MessageAnswer; busy: boolean; conversation: Conversation }) {
  const { siblings } = message;
  const at = siblings.indexOf(message.id);
  if (siblings.length < 2) return null;
  const step = async (by: number, label: string): Promise<void> => {
    const other = siblings[at + by];
    if (other === undefined) return;
    await conversation.show(other);
    setTimeout(() => focusVersion(other, label)); // once it stands there
  };
  return (
    <span className="branches" role="group" aria-label="Versions">
      <button
        type="button"
        className="quiet icon"
        aria-label="Previous version"
        disabled={busy || at <= 0}
        onClick={() => void step(-1, "Previous version")}
      >
        <ChevronLeft aria-hidden />
      </button>
      {at + 1}/{siblings.length}
      <button
        type="button"
        className="quiet icon"
        aria-label="Next version"
        disabled={busy || at === siblings.length - 1}
        onClick={() => void step(1, "Next version")}
      >
        <ChevronRight aria-hidden />
      </button>
    </span>
  );
}
