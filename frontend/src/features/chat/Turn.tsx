import { FileText, Pencil } from "lucide-react";
import { memo, type ReactNode } from "react";

import type { MessageAnswer } from "../../api/schema";
import { documentsOf, picturesOf, textOf, type Part } from "../../protocol/parts";
import { drafts } from "../../stores/drafts";
import { words } from "../../words";
import { Author, Readers } from "./Author";
import { Branches } from "./Branches";
import { useMayEdit } from "./company";
import { EditedTurn } from "./EditedTurn";
import type { SessionActions } from "./session-actions";
import { LeftOut } from "./LeftOut";
import { Pictures } from "./Pictures";
import { Reactions } from "./Reactions";

interface Props {
  turn: MessageAnswer;
  busy: boolean;
  isEdited: boolean;
  actions: SessionActions;
  blind: ReactNode;
}

/** What the user said; it can be said differently, which begins another branch. */
export const Turn = memo(function Turn({ turn, busy, isEdited, actions, blind }: Props) {
  const mayEdit = useMayEdit(turn);
  if (isEdited) return <EditedTurn turn={turn} busy={busy} actions={actions} blind={blind} />;
  return (
    <article className="turn" id={`message-${turn.id}`}>
      <Author of={turn.author ?? null} />
      <Said parts={turn.parts} />
      {!turn.in_context && <LeftOut />}
      <footer>
        <Branches message={turn} busy={busy} actions={actions} />
        <Reactions message={turn} actions={actions} />
        {mayEdit && (
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
        )}
        <Readers message={turn.id} />
      </footer>
    </article>
  );
});

/** Says a turn differently. What has been written for it already stays. */
export function beginEdit(turn: MessageAnswer): void {
  if (drafts.editOf(turn.session_id, turn.id) !== undefined) return;
  drafts.edit(turn.session_id, { turn: turn.id, text: textOf(turn.parts), pictures: picturesOf(turn.parts) });
}

/** A turn as it was said, its documents and pictures in front. */
export function Said({ parts }: { parts: readonly Part[] }) {
  const text = textOf(parts);
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
      <Pictures pictures={picturesOf(parts)} />
      {text !== "" && (
        <p className="said" dir="auto">
          {text}
        </p>
      )}
    </>
  );
}
