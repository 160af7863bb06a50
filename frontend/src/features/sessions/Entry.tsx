import { UsersRound } from "lucide-react";
import { memo, useState } from "react";
import { Link, useLocation } from "wouter";

import type { ListedSession } from "../../api/schema";
import { titleOf } from "../../api/title";
import { Confirm } from "../../components/Confirm";
import { isEnter, isEscape } from "../../components/keys";
import { Menu } from "../../components/Menu";
import { pathOf, sessionPath } from "../../site";
import { words } from "../../words";
import { dragged } from "./drag";
import { focusNewSession } from "./focus";
import { MoveDialog } from "./MoveDialog";
import { previewOf } from "./preview";
import { useChangeSession, useDeleteSession, useLeaveSession } from "./sessions";

interface Props {
  session: ListedSession;
  isShown: boolean;
  /** The folder's name, where it is not said by the place of the entry. */
  folder?: string | undefined;
  onChosen: () => void;
}

/** One session in the list: opened, pinned, renamed in place, moved, deleted. */
export const Entry = memo(function Entry({ session, isShown, folder, onChosen }: Props) {
  const [isRenamed, setRenamed] = useState(false);
  const [isMoved, setMoved] = useState(false);
  const [isLeaving, setLeaving] = useState(false);
  const change = useChangeSession();
  const remove = useDeleteSession();
  const leave = useLeaveSession();
  const [, navigate] = useLocation();
  if (isRenamed) {
    const rename = (title: string): void => {
      if (title.trim() && title.trim() !== session.title) change.mutate({ id: session.id, title: title.trim() });
      setRenamed(false);
    };
    return (
      <li>
        <input
          aria-label={words.sessions.title}
          dir="auto"
          defaultValue={session.title}
          maxLength={200}
          autoFocus
          onFocus={(event) => event.currentTarget.select()}
          onBlur={(event) => rename(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (isEnter(event)) rename(event.currentTarget.value);
            if (isEscape(event)) {
              event.stopPropagation();
              setRenamed(false);
            }
          }}
        />
      </li>
    );
  }
  const { pinned, running, unread, last_used_at: used } = session;
  const title = titleOf(session);
  return (
    <li>
      <Link
        href={sessionPath(session.id)}
        className="entry"
        data-row=""
        aria-current={isShown ? "page" : undefined}
        onClick={onChosen}
        {...dragged(session.id)}
      >
        <span className="title" dir="auto" title={title}>
          {running && <span className="mark running" role="img" aria-label={words.sessions.running} />}
          {unread && !running && !isShown && <span className="mark unread" role="img" aria-label={words.sessions.unread} />}
          {title}
        </span>
        <span className="about">
          <time dateTime={used} title={words.format.moment(used)}>
            {words.format.when(used)}
          </time>
          {session.is_shared && (
            <span className="mark shared" role="img" aria-label={words.together.shared} title={words.together.shared}>
              <UsersRound aria-hidden />
            </span>
          )}
          {folder !== undefined && (
            <span className="of-folder" dir="auto">
              {folder}
            </span>
          )}
          {!isShown && (
            <span className="preview" dir="auto">
              {previewOf(session.last_message_preview)}
            </span>
          )}
        </span>
      </Link>
      <span className="actions">
        <Menu
          label={words.sessions.actions(title)}
          items={
            session.role !== "owner"
              ? [{ label: words.together.leave, danger: true, run: () => setLeaving(true) }]
              : [
                  { label: words.sessions.pin, checked: pinned, run: () => change.mutate({ id: session.id, pinned: !pinned }) },
                  { label: words.sessions.rename, run: () => setRenamed(true) },
                  { label: words.folders.move, run: () => setMoved(true) },
                  {
                    label: words.common.delete,
                    danger: true,
                    run: () => {
                      if (isShown) navigate(pathOf("studio"));
                      remove(session);
                      focusNewSession(); // the button is gone
                    },
                  },
                ]
          }
        />
      </span>
      {isLeaving && (
        <Confirm
          title={words.together.leaveTitle}
          text={words.together.leaveText}
          does={words.together.leave}
          onClose={() => setLeaving(false)}
          onYes={() => {
            setLeaving(false);
            if (isShown) navigate(pathOf("studio"));
            void leave(session);
            focusNewSession(); // the button is gone
          }}
        />
      )}
      {isMoved && <MoveDialog session={session} onClose={() => setMoved(false)} />}
    </li>
  );
});
