import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";

import type { ListedSession } from "../../api/schema";
import { byDay, sessionList, useChangeSession, useDeleteSession } from "./sessions";

/** All sessions by day; which run, and which have an end that nobody has read. */
export function SessionList({ shown, onChosen }: { shown: number | null; onChosen: () => void }) {
  const sessions = useQuery(sessionList);
  return (
    <nav aria-label="Conversations" className="sessions">
      <Link href="/" className="new-session" onClick={onChosen}>
        New conversation
      </Link>
      {sessions.data?.length === 0 && <p className="muted">Nothing yet. Ask something, such as “What can you help me with?”</p>}
      {sessions.error && <p className="problem">{sessions.error.message}</p>}
      {byDay(sessions.data ?? []).map(([day, listed]) => (
        <section key={day}>
          <h2>{day}</h2>
          <ul>
            {listed.map((session) => (
              <Entry key={session.id} session={session} isShown={session.id === shown} onChosen={onChosen} />
            ))}
          </ul>
        </section>
      ))}
    </nav>
  );
}

function Entry({ session, isShown, onChosen }: { session: ListedSession; isShown: boolean; onChosen: () => void }) {
  const [mode, setMode] = useState<"shown" | "renamed" | "deleted">("shown");
  const change = useChangeSession();
  const remove = useDeleteSession();
  const [, navigate] = useLocation();
  if (mode === "renamed") {
    const rename = (title: string): void => {
      if (title.trim() && title.trim() !== session.title) change.mutate({ id: session.id, title: title.trim() });
      setMode("shown");
    };
    return (
      <li>
        <input
          aria-label="Title"
          defaultValue={session.title}
          maxLength={200}
          autoFocus
          onBlur={(event) => rename(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") rename(event.currentTarget.value);
            if (event.key === "Escape") setMode("shown");
          }}
        />
      </li>
    );
  }
  if (mode === "deleted") {
    const confirm = (): void => {
      if (isShown) navigate("/");
      remove.mutate(session.id);
    };
    return (
      <li className="asks">
        <span>Delete for ever?</span>
        <button type="button" className="quiet danger" autoFocus onClick={confirm}>
          Delete
        </button>
        <button type="button" className="quiet" onClick={() => setMode("shown")}>
          Keep
        </button>
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
        <button type="button" className="quiet" aria-label={`Rename ${session.title}`} onClick={() => setMode("renamed")}>
          Rename
        </button>
        <button type="button" className="quiet" aria-label={`Delete ${session.title}`} onClick={() => setMode("deleted")}>
          Delete
        </button>
      </span>
    </li>
  );
}
