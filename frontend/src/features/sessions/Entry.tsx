import { Pencil, Trash2 } from "lucide-react";
import { memo, useState } from "react";
import { Link, useLocation } from "wouter";

import type { ListedSession } from "../../api/schema";
import { isEnter, isEscape } from "../../components/keys";
import { useChangeSession, useDeleteSession } from "./sessions";

/** One session in the list: opened, renamed in place, deleted. */
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
          aria-label="Title"
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
      <Link href={`/c/${session.id}`} aria-current={isShown ? "page" : undefined} onClick={onChosen}>
        {session.running && <span className="mark running" role="img" aria-label="A reply is running" />}
        {session.unread && !session.running && !isShown && <span className="mark unread" role="img" aria-label="Unread" />}
        <span className="title">{session.title}</span>
      </Link>
      <span className="actions">
        <button
          type="button"
          className="quiet icon"
          title="Rename"
          aria-label={`Rename ${session.title}`}
          onClick={() => setRenamed(true)}
        >
          <Pencil aria-hidden />
        </button>
        <button
          type="button"
          className="quiet icon"
          title="Delete"
          aria-label={`Delete ${session.title}`}
          onClick={() => {
            if (isShown) navigate("/");
            remove(session);
            document.querySelector<HTMLElement>(".new-session")?.focus(); // the button is gone
          }}
        >
          <Trash2 aria-hidden />
        </button>
      </span>
    </li>
  );
});
