import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { Link } from "wouter";

import { sessionList } from "../../api/queries";
import { pathOf } from "../../site";
import { words } from "../../words";
import { Entry } from "./Entry";
import { newSessionRef } from "./focus";
import { byDay } from "./groups";
import { SearchResults } from "./SearchResults";
import { useShownSessions } from "./sessions";

/** Pinned sessions, then all others by day; which run, and which have an end that nobody has read. Above them what finds what was said. */
export function SessionList({ shown, onChosen }: { shown: number | null; onChosen: () => void }) {
  const sessions = useQuery(sessionList);
  const listed = useShownSessions(sessions.data);
  const [text, setText] = useState("");
  const wanted = useDeferredValue(text).trim();
  return (
    <nav aria-label={words.studio.conversations} className="sessions">
      <Link href={pathOf("studio")} className="new-session" onClick={onChosen} ref={newSessionRef}>
        <Plus aria-hidden /> {words.studio.newConversation}
      </Link>
      <input
        type="search"
        aria-label={words.sessions.search}
        placeholder={words.sessions.searchHint}
        value={text}
        maxLength={200}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape" && text !== "") {
            event.stopPropagation();
            setText("");
          }
        }}
      />
      {wanted !== "" ? (
        <SearchResults text={wanted} onChosen={onChosen} />
      ) : (
        <>
          {sessions.data && listed.length === 0 && <p className="muted">{words.sessions.empty}</p>}
          {sessions.error && <p className="problem">{sessions.error.message}</p>}
          {byDay(listed).map(([day, those]) => (
            <section key={day}>
              <h2>{day}</h2>
              <ul>
                {those.map((session) => (
                  <Entry key={session.id} session={session} isShown={session.id === shown} onChosen={onChosen} />
                ))}
              </ul>
            </section>
          ))}
        </>
      )}
    </nav>
  );
}
