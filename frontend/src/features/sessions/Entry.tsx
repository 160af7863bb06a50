import { Pencil, Pin, Trash2 } from "lucide-react";
import { memo, useState } from "react";
import { Link, useLocation } from "wouter";

import type { ListedSession } from "../../api/schema";
import { isEnter, isEscape } from "../../components/keys";
import { pathOf, sessionPath } from "../../site";
import { words } from "../../words";
import { focusNewSession } from "./focus";
import { useChangeSession, useDeleteSession } from "./sessions";

/** One session in the list: opened, pinned, renamed in place, deleted. */
export const Entry = memo(function Entry({
  session,
  isShown,
  onChosen,
}: {
  session: ListedSession;
  isShown: boolean;
  onChosen: () => void;
}) {
  const [isRenamed, setRenamed] = useState(false);
  const change = useChangeSession();
  const remove = useDeleteSession();
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
  return (
    <li>
      <Link href={sessionPath(session.id)} aria-current={isShown ? "page" : undefined} onClick={onChosen}>
        {session.running && <span className="mark running" role="img" aria-label={words.sessions.running} />}
        {session.unread && !session.running && !isShown && (
          <span className="mark unread" role="img" aria-label={words.sessions.unread} />
        )}
        <span className="title">{session.title}</span>
      </Link>
      <span className="actions">
        <button
          type="button"
          className="quiet icon"
          title={words.sessions.pin}
          aria-label={words.sessions.pinTitle(session.title)}
          aria-pressed={session.pinned}
          onClick={() => change.mutate({ id: session.id, pinned: !session.pinned })}
        >
          <Pin aria-hidden />
        </button>
        <button
          type="button"
          className="quiet icon"
          title={words.sessions.rename}
          aria-label={words.sessions.renameTitle(session.title)}
          onClick={() => setRenamed(true)}
        >
          <Pencil aria-hidden />
        </button>
        <button
          type="button"
          className="quiet icon"
          title={words.common.delete}
          aria-label={words.sessions.deleteTitle(session.title)}
          onClick={() => {
            if (isShown) navigate(pathOf("studio"));
            remove(session);
            focusNewSession(); // the button is gone
          }}
        >
          <Trash2 aria-hidden />
        </button>
      </span>
    </li>
  );
});
