import { useQuery } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { Link } from "wouter";

import type { PieceAnswer } from "../../api/schema";
import { sessionPath } from "../../site";
import { deletions } from "../../stores/deletions";
import { words } from "../../words";
import { search } from "./sessions";

/** What a search found: sessions by their titles, and messages by what is said in them. */
export function SearchResults({ text, onChosen }: { text: string; onChosen: () => void }) {
  const matches = useQuery(search(text));
  const hidden = useSyncExternalStore(deletions.subscribe, deletions.get);
  if (matches.error) return <p className="problem">{matches.error.message}</p>;
  if (matches.data === undefined) return <p className="muted">{words.sessions.searching}</p>;
  const results = matches.data.results.filter(({ session_id }) => !hidden.has(session_id));
  if (results.length === 0) return <p className="muted">{words.sessions.noResults}</p>;
  return (
    <ul aria-label={words.sessions.results}>
      {results.map(({ session_id, message_id, title, snippet }) => (
        <li key={`${session_id} ${message_id ?? ""}`}>
          <Link href={sessionPath(session_id, message_id)} className="result" onClick={onChosen}>
            <span className="title">
              <Pieces pieces={title} />
            </span>
            {snippet && (
              <span className="snippet">
                <Pieces pieces={snippet} />
              </span>
            )}
          </Link>
        </li>
      ))}
    </ul>
  );
}

function Pieces({ pieces }: { pieces: PieceAnswer[] }) {
  return pieces.map(({ text, match }, at) => (match ? <mark key={at}>{text}</mark> : text));
}
