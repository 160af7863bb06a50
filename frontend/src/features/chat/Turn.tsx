import { useState } from "react";

import type { MessageAnswer } from "../../api/schema";
import { Branches } from "./Branches";
import type { Conversation } from "./conversation";

/** What the user said; it can be said differently, which begins another branch. */
export function Turn({ turn, busy, conversation }: { turn: MessageAnswer; busy: boolean; conversation: Conversation }) {
  const [draft, setDraft] = useState<string | null>(null);
  if (draft !== null) {
    const send = (): void => {
      setDraft(null);
      if (draft.trim()) conversation.edit(turn, draft);
    };
    return (
      <article className="turn">
        <textarea
          aria-label="Say it differently"
          value={draft}
          autoFocus
          onChange={(event) => setDraft(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") setDraft(null);
            if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
              event.preventDefault();
              send();
            }
          }}
        />
        <footer>
          <button type="button" className="primary" onClick={send}>
            Send
          </button>
          <button type="button" className="quiet" onClick={() => setDraft(null)}>
            Cancel
          </button>
        </footer>
      </article>
    );
  }
  return (
    <article className="turn">
      <p className="said">{turn.content}</p>
      <footer className="on-hover">
        <Branches message={turn} busy={busy} conversation={conversation} />
        <button type="button" className="quiet" disabled={busy} onClick={() => setDraft(turn.content)}>
          Edit
        </button>
      </footer>
    </article>
  );
}
