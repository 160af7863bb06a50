import { useQuery } from "@tanstack/react-query";
import { Folder as FolderIcon } from "lucide-react";
import { useState, useSyncExternalStore } from "react";
import { Link } from "wouter";

import { search } from "../../api/queries";
import type { FoundAnswer, PieceAnswer } from "../../api/schema";
import type { Part } from "../../api/session-pages";
import { finder } from "../../protocol/folding";
import { sessionPath } from "../../site";
import { deletions } from "../../stores/deletions";
import { words } from "../../words";
import { setOpen, useFolders } from "./folders";
import { bySession } from "./results";

interface Props {
  text: string;
  onChosen: () => void;
  /** A folder was chosen, which is open in the list now. */
  onFolder: () => void;
}

/** What a search found: folders by name, sessions by title, and messages by what is said in them; everywhere or in one folder. */
export function SearchResults({ text, onChosen, onFolder }: Props) {
  const [chosen, setChosen] = useState<Part | null>(null);
  const folders = useFolders();
  const part = chosen === "none" || folders.some(({ id }) => id === chosen) ? chosen : null; // the folder may be gone
  const has = finder(text);
  const named = part === null ? folders.filter(({ name }) => has(name)) : [];
  return (
    <>
      {folders.length > 0 && (
        <select
          aria-label={words.sessions.searchIn}
          value={part ?? ""}
          onChange={({ currentTarget: { value } }) => setChosen(value === "" ? null : value === "none" ? value : Number(value))}
        >
          <option value="">{words.sessions.everywhere}</option>
          <option value="none">{words.folders.outside}</option>
          {folders.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      )}
      {named.length > 0 && (
        <ul aria-label={words.folders.title}>
          {named.map(({ id, name }) => (
            <li key={id} className="folder">
              <div className="head">
                <button
                  type="button"
                  className="quiet"
                  data-row=""
                  onClick={() => {
                    setOpen(id, true);
                    onFolder();
                  }}
                >
                  <FolderIcon aria-hidden />
                  <span className="title" dir="auto">
                    {name}
                  </span>
                </button>
              </div>
            </li>
          ))}
        </ul>
      )}
      <Found text={text} part={part} hasOthers={named.length > 0} onChosen={onChosen} />
    </>
  );
}

function Found({ text, part, hasOthers, onChosen }: { text: string; part: Part | null; hasOthers: boolean; onChosen: () => void }) {
  const matches = useQuery(search(text, part));
  const folders = useFolders();
  const hidden = useSyncExternalStore(deletions.subscribe, deletions.get);
  if (matches.error) return <p className="problem">{matches.error.message}</p>;
  if (matches.data === undefined) return <p className="muted">{words.sessions.searching}</p>;
  const results = matches.data.results.filter(({ session_id }) => !hidden.has(session_id));
  if (results.length === 0) return hasOthers ? null : <p className="muted">{words.sessions.noResults}</p>;
  return (
    <ul aria-label={words.sessions.results}>
      {bySession(results).map(([first, ...others]) => {
        const folder = folders.find(({ id }) => id === first.folder_id)?.name;
        return (
          <li key={first.session_id}>
            <Link href={sessionPath(first.session_id, first.message_id)} className="result" data-row="" onClick={onChosen}>
              <span className="title" dir="auto">
                <Pieces pieces={first.title} />
              </span>
              <Snippet of={first} />
              {folder !== undefined && (
                <span className="about">
                  <span className="of-folder" dir="auto">
                    {folder}
                  </span>
                </span>
              )}
            </Link>
            {others.map((one) => (
              <Link
                key={one.message_id}
                href={sessionPath(one.session_id, one.message_id)}
                className="result"
                data-row=""
                onClick={onChosen}
              >
                <Snippet of={one} />
              </Link>
            ))}
          </li>
        );
      })}
    </ul>
  );
}

function Snippet({ of: { snippet } }: { of: FoundAnswer }) {
  if (!snippet) return null;
  return (
    <span className="snippet" dir="auto">
      <Pieces pieces={snippet} />
    </span>
  );
}

function Pieces({ pieces }: { pieces: PieceAnswer[] }) {
  return pieces.map(({ text, match }, at) => (match ? <mark key={at}>{text}</mark> : text));
}
