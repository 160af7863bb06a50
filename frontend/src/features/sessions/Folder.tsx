import { ChevronRight } from "lucide-react";
import { useId, useState } from "react";
import { useLocation } from "wouter";

import type { FolderAnswer, ListedSession } from "../../api/schema";
import type { Part } from "../../api/session-pages";
import { Confirm } from "../../components/Confirm";
import { Menu } from "../../components/Menu";
import { newInFolderPath } from "../../site";
import { words } from "../../words";
import { useDrop } from "./drag";
import { Entry } from "./Entry";
import { focusNewSession } from "./focus";
import { FolderForm } from "./FolderForm";
import { setOpen, useDeleteFolder } from "./folders";
import { More } from "./More";

interface Props {
  folder: FolderAnswer;
  isOpen: boolean;
  /** Those of its sessions that are known, without the pinned ones. */
  sessions: readonly ListedSession[];
  /** How far they are known; undefined: not at all. */
  end: string | null | undefined;
  shown: number | null;
  onChosen: () => void;
  onDrop: (session: number, part: Part) => void;
}

/** A folder in the list: opened and closed in place, changed, deleted; a session can be dropped on it. */
export function Folder({ folder, isOpen, sessions, end, shown, onChosen, onDrop }: Props) {
  const { id, name } = folder;
  const [asks, setAsks] = useState<"edit" | "delete" | null>(null);
  const [, navigate] = useLocation();
  const { mutate: remove } = useDeleteFolder();
  const { isOver, handlers } = useDrop(id, onDrop);
  const list = useId();
  const isRunning = sessions.some(({ running }) => running);
  const isUnread = sessions.some(({ id: session, unread }) => unread && session !== shown);
  return (
    <li className="folder" data-over={isOver ? "" : undefined} {...handlers}>
      <div className="head">
        <button
          type="button"
          className="quiet"
          data-row=""
          aria-expanded={isOpen}
          aria-controls={isOpen ? list : undefined}
          title={name}
          onClick={() => setOpen(id, !isOpen)}
        >
          <ChevronRight aria-hidden />
          <span className="title" dir="auto">
            {name}
          </span>
          {!isOpen && isRunning && <span className="mark running" role="img" aria-label={words.sessions.running} />}
          {!isOpen && isUnread && !isRunning && <span className="mark unread" role="img" aria-label={words.sessions.unread} />}
        </button>
        <span className="actions">
          <Menu
            label={words.folders.actions(name)}
            items={[
              {
                label: words.folders.newIn,
                run: () => {
                  onChosen();
                  navigate(newInFolderPath(id));
                },
              },
              { label: words.folders.edit, run: () => setAsks("edit") },
              { label: words.folders.delete, danger: true, run: () => setAsks("delete") },
            ]}
          />
        </span>
      </div>
      {isOpen && (
        <div id={list} className="inside">
          {end === null && sessions.length === 0 && <p className="muted">{words.folders.empty}</p>}
          <ul aria-label={name}>
            {sessions.map((session) => (
              <Entry key={session.id} session={session} isShown={session.id === shown} onChosen={onChosen} />
            ))}
          </ul>
          {end !== null && <More part={id} isScrolled={end === undefined} />}
        </div>
      )}
      {asks === "edit" && <FolderForm folder={folder} onClose={() => setAsks(null)} />}
      {asks === "delete" && (
        <Confirm
          title={words.folders.deleteTitle(name)}
          text={words.folders.deleteText}
          does={words.folders.delete}
          onClose={() => setAsks(null)}
          onYes={() => {
            setAsks(null);
            remove(id);
            focusNewSession(); // the folder is gone
          }}
        />
      )}
    </li>
  );
}
