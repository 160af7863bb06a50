import { FileText, Pencil } from "lucide-react";
import { memo, useState } from "react";

import type { MessageAnswer } from "../../api/schema";
import { apart, withDocuments } from "../../protocol/documents";
import { Branches } from "./Branches";
import type { Conversation } from "./conversation";

interface Props {
  turn: MessageAnswer;
  busy: boolean;
  isEdited: boolean;
  onEdit: (turn: number | null) => void;
  conversation: Conversation;
}

/** What the user said; it can be said differently, which begins another branch. */
export const Turn = memo(function Turn({ turn, busy, isEdited, onEdit, conversation }: Props) {
  if (isEdited) return <Edited turn={turn} onEdit={onEdit} conversation={conversation} />;
  return (
    <article className="turn" id={`message-${turn.id}`}>
      <Said content={turn.content} />
      <footer>
        <Branches message={turn} busy={busy} conversation={conversation} />
        <button type="button" className="quiet icon" title="Edit" aria-label="Edit" disabled={busy} onClick={() => onEdit(turn.id)}>
          <Pencil aria-hidden />
        </button>
      </footer>
    </article>
  );
});

/** A turn as it was said, its documents in front. */
export function Said({ content }: { content: string }) {
  const { documents, text } = apart(content);
  return (
    <>
      {documents.map(({ name, text: inside }, at) => (
        <details key={at} className="document">
          <summary>
            <FileText aria-hidden /> {name}
          </summary>
          <pre tabIndex={0}>{inside}</pre>
        </details>
      ))}
      <p className="said">{text}</p>
    </>
  );
}

function Edited({ turn, onEdit, conversation }: Omit<Props, "busy" | "isEdited">) {
  const { documents, text } = apart(turn.content);
  const [draft, setDraft] = useState(text);
  const send = (): void => {
    onEdit(null);
    if (draft.trim()) conversation.edit(turn, withDocuments(documents, draft));
  };
  return (
    <article className="turn" id={`message-${turn.id}`}>
      <textarea
        aria-label="Say it differently"
        value={draft}
        autoFocus
        onFocus={(event) => event.currentTarget.setSelectionRange(draft.length, draft.length)}
        onChange={(event) => setDraft(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") onEdit(null);
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
        <button type="button" onClick={() => onEdit(null)}>
          Cancel
        </button>
      </footer>
    </article>
  );
}
