import { ImagePlus } from "lucide-react";
import { useState, useSyncExternalStore, type ClipboardEvent, type DragEvent, type ReactNode } from "react";

import type { MessageAnswer } from "../../api/schema";
import { FilesButton } from "../../components/FileButton";
import { isEnter, isEscape } from "../../components/keys";
import { documentsOf, picturesOf, textOf, type Picture } from "../../protocol/parts";
import { drafts } from "../../stores/drafts";
import { words } from "../../words";
import { tooLong } from "./attachments";
import { Author } from "./Author";
import { OnTheirWay } from "./Chips";
import { useDue, useSentOnceRead } from "./due";
import { focusComposer } from "./focus";
import { PictureItems } from "./PictureChips";
import type { SessionActions } from "./session-actions";
import { leaveTurn, moved, PICTURES, useTurnUploads } from "./uploads";

interface Props {
  turn: MessageAnswer;
  busy: boolean;
  actions: SessionActions;
  /** Stands there where the model cannot see the pictures. */
  blind: ReactNode;
}

/**
 * A turn that is being said differently: its text, and its pictures, which can be added, taken out and put into another order. Both live
 * with the drafts: they are kept when the turn is out of sight, and through a reload.
 */
export function EditedTurn({ turn, busy, actions, blind }: Props) {
  const edit = useSyncExternalStore(drafts.subscribe, () => drafts.editOf(turn.session_id, turn.id));
  const { pending, attach, forget } = useTurnUploads(turn);
  const [isOver, setOver] = useState(false);
  const text = edit?.text ?? textOf(turn.parts);
  const pictures = edit?.pictures ?? picturesOf(turn.parts);
  const change = (changes: { text?: string; pictures?: readonly Picture[] }): void =>
    drafts.edit(turn.session_id, { turn: turn.id, text, pictures, ...changes });
  const close = (): void => {
    drafts.endEdit(turn.session_id, turn.id);
    leaveTurn(turn, pictures);
    focusComposer();
  };
  const { isReading, isSentOnceRead, setDue } = useDue(pending);
  const problem = tooLong(documentsOf(turn.parts), text);
  const send = (): void => {
    if (busy || problem !== null) return;
    setDue(isReading);
    if (isReading) return;
    drafts.endEdit(turn.session_id, turn.id);
    leaveTurn(turn, []);
    if (text.trim() !== "" || pictures.length > 0) actions.edit(turn, text, pictures);
  };
  useSentOnceRead({ isReading, isSentOnceRead }, send);

  const paste = (event: ClipboardEvent): void => {
    const { types, files: list } = event.clipboardData;
    if (types.includes("text/plain") || list.length === 0) return; // a text brings its picture along
    event.preventDefault();
    attach(list);
  };
  const over = (event: DragEvent): void => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault(); // it is not for the composer
    setOver(true);
  };
  const drop = (event: DragEvent): void => {
    setOver(false);
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    attach(event.dataTransfer.files);
  };
  return (
    <article
      className="turn is-edited"
      id={`message-${turn.id}`}
      data-over={isOver ? "" : undefined}
      onDragOver={over}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={drop}
    >
      <Author of={turn.author ?? null} />
      {pictures.length + pending.length > 0 && (
        <ul className="chips" aria-label={words.pictures.label}>
          <PictureItems
            pictures={pictures}
            onRemove={(gone) => change({ pictures: pictures.filter((one) => one !== gone) })}
            onMove={(from, to) => change({ pictures: moved(pictures, from, to) })}
          />
          <OnTheirWay pending={pending} forget={forget} />
        </ul>
      )}
      {pictures.length > 0 && blind}
      <textarea
        aria-label={words.thread.editMessage}
        dir="auto"
        value={text}
        autoFocus
        onFocus={(event) => event.currentTarget.setSelectionRange(text.length, text.length)}
        onChange={(event) => change({ text: event.currentTarget.value })}
        onPaste={paste}
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
      {isSentOnceRead && (
        <p className="muted" role="status">
          {words.composer.sentOnceRead}
        </p>
      )}
      <footer>
        <FilesButton label={words.pictures.add} accept={PICTURES} onFiles={attach}>
          <ImagePlus aria-hidden />
        </FilesButton>
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
