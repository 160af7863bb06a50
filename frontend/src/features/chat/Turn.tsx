import { FileText, Pencil } from "lucide-react";
import { memo, useSyncExternalStore } from "react";

import type { MessageAnswer } from "../../api/schema";
import { isEnter, isEscape } from "../../components/keys";
import { documentsOf, textOf, type Part } from "../../protocol/parts";
import { drafts } from "../../stores/drafts";
import { words } from "../../words";
import { tooLong } from "./attachments";
import { Branches } from "./Branches";
import type { SessionActions } from "./session-actions";
import { focusComposer } from "./focus";
import { LeftOut } from "./LeftOut";

interface Props {
  turn: MessageAnswer;
  busy: boolean;
  isEdited: boolean;
  actions: SessionActions;
}

/** What the user said; it can be said differently, which begins another branch. */
export const Turn = memo(function Turn({ turn, busy, isEdited, actions }: Props) {
  if (isEdited) return <Edited turn={turn} busy={busy} actions={actions} />;
  return (
    <article className="turn" id={`message-${turn.id}`}>
      <Said parts={turn.parts} />
      {!turn.in_context && <LeftOut />}
      <footer>
        <Branches message={turn} busy={busy} actions={actions} />
        <button
          type="button"
          className="quiet icon"
          title={words.thread.edit}
          aria-label={words.thread.edit}
          disabled={busy}
          onClick={() => beginEdit(turn)}
        >
          <Pencil aria-hidden />
        </button>
      </footer>
    </article>
  );
});

export function beginEdit(turn: MessageAnswer): void {
  drafts.change(turn.session_id, { edit: { turn: turn.id, text: textOf(turn.parts) } });
}

/** A turn as it was said, its documents in front. */
export function Said({ parts }: { parts: readonly Part[] }) {
  return (
    <>
      {documentsOf(parts).map(({ name, text: inside }, at) => (
        <details key={at} className="document">
          <summary>
            <FileText aria-hidden /> {name}
          </summary>
          <pre tabIndex={0}>{inside}</pre>
        </details>
      ))}
      <p className="said">{textOf(parts)}</p>
    </>
  );
}

/** The text lives with the drafts: it is kept when the turn is out of sight, and through a reload. */
function Edited({ turn, busy, actions }: Omit<Props, "isEdited">) {
  const draft = useSyncExternalStore(drafts.subscribe, () => drafts.get(turn.session_id).edit?.text ?? textOf(turn.parts));
  const write = (said: string): void => drafts.change(turn.session_id, { edit: { turn: turn.id, text: said } });
  const close = (): void => {
    drafts.change(turn.session_id, { edit: null });
    focusComposer();
  };
  const problem = tooLong(documentsOf(turn.parts), draft);
  const send = (): void => {
    if (busy || problem !== null) return;
    drafts.change(turn.session_id, { edit: null });
    if (draft.trim()) actions.edit(turn, draft);
  };
  return (
    <article className="turn" id={`message-${turn.id}`}>
      <textarea
        aria-label={words.thread.editMessage}
        value={draft}
        autoFocus
        onFocus={(event) => event.currentTarget.setSelectionRange(draft.length, draft.length)}
        onChange={(event) => write(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (isEscape(event)) {
            event.stopPropagation(); // it ends the editing, and stops no reply
            close();
          } else if (isEnter(event)) {
            event.preventDefault();
            send();
          }
        }}
      />
      {problem !== null && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <footer>
        <button type="button" className="primary" disabled={busy || problem !== null} onClick={send}>
          {words.common.send}
        </button>
        <button type="button" onClick={close}>
          {words.common.cancel}
        </button>
      </footer>
    </article>
  );
}
