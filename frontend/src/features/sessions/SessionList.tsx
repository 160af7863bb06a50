import { useQuery } from "@tanstack/react-query";
import { FolderPlus, Plus } from "lucide-react";
import { useDeferredValue, useMemo, useState, useSyncExternalStore } from "react";
import { Link } from "wouter";

import { sessionPages } from "../../api/queries";
import type { ListedSession } from "../../api/schema";
import type { Part, SessionPages } from "../../api/session-pages";
import { pathOf } from "../../site";
import { preferences } from "../../stores/preferences";
import { words } from "../../words";
import { useDrop } from "./drag";
import { Entries } from "./Entries";
import { newSessionRef, onListKey } from "./focus";
import { Folder } from "./Folder";
import { FolderForm } from "./FolderForm";
import { useFolders, useMoveSession } from "./folders";
import { byDay, inPlaces } from "./groups";
import { More } from "./More";
import { SearchResults } from "./SearchResults";
import { useShownSessions } from "./sessions";

interface Props {
  shown: number | null;
  onChosen: () => void;
}

/** Above, what begins a session and what finds what was said; below, the sessions, or what was found. */
export function SessionList({ shown, onChosen }: Props) {
  const [text, setText] = useState("");
  const wanted = useDeferredValue(text).trim();
  return (
    <nav aria-label={words.studio.conversations} className="sessions" onKeyDown={onListKey}>
      <Link href={pathOf("studio")} className="new-session" onClick={onChosen} ref={newSessionRef}>
        <Plus aria-hidden /> {words.studio.newConversation}
      </Link>
      <input
        type="search"
        dir={text === "" ? undefined : "auto"}
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
        <SearchResults text={wanted} onChosen={onChosen} onFolder={() => setText("")} />
      ) : (
        <Sessions shown={shown} onChosen={onChosen} />
      )}
    </nav>
  );
}

/** Pinned sessions, folders, then all others by day; which run, and which have an end that nobody has read. */
function Sessions({ shown, onChosen }: Props) {
  const pages = useQuery(sessionPages);
  const listed = useShownSessions(pages.data?.sessions);
  const folders = useFolders();
  const { openFolders } = useSyncExternalStore(preferences.subscribe, preferences.get);
  const [isFolderNew, setFolderNew] = useState(false);
  const places = useMemo(() => inPlaces(listed, folders), [listed, folders]);
  const days = useMemo(() => byDay(places.outside), [places]);
  const nameOf = (session: ListedSession): string | undefined => folders.find(({ id }) => id === session.folder_id)?.name;
  const endOf = (part: Part): string | null | undefined => (pages.data?.ends as Partial<SessionPages["ends"]> | undefined)?.[part];
  const move = useMoveSession();
  const onDrop = (id: number, part: Part): void => {
    const session = listed.find((one) => one.id === id);
    if (session !== undefined) move(session, part);
  };
  const { isOver, handlers } = useDrop("none", onDrop);
  const isEmpty = pages.data !== undefined && listed.length === 0 && folders.length === 0 && endOf("none") === null;
  return (
    <>
      {isEmpty && <p className="muted">{words.sessions.empty}</p>}
      {pages.error && <p className="problem">{pages.error.message}</p>}
      {places.pinned.length > 0 && (
        <section>
          <h2>{words.sessions.pinned}</h2>
          <Entries sessions={places.pinned} shown={shown} folderOf={nameOf} onChosen={onChosen} />
        </section>
      )}
      <section>
        <div className="heading">
          <h2>{words.folders.title}</h2>
          <button
            type="button"
            className="quiet icon"
            title={words.folders.new}
            aria-label={words.folders.new}
            onClick={() => setFolderNew(true)}
          >
            <FolderPlus aria-hidden />
          </button>
        </div>
        <ul>
          {folders.map((folder) => (
            <Folder
              key={folder.id}
              folder={folder}
              isOpen={openFolders.includes(folder.id)}
              sessions={places.inFolder.get(folder.id) ?? []}
              end={endOf(folder.id)}
              shown={shown}
              onChosen={onChosen}
              onDrop={onDrop}
            />
          ))}
        </ul>
        {isFolderNew && <FolderForm folder={null} onClose={() => setFolderNew(false)} />}
      </section>
      <div className="outside" data-over={isOver ? "" : undefined} {...handlers}>
        {days.map(([day, those]) => (
          <section key={day}>
            <h2>{day}</h2>
            <Entries sessions={those} shown={shown} onChosen={onChosen} />
          </section>
        ))}
        {typeof endOf("none") === "string" && <More part="none" isScrolled />}
      </div>
    </>
  );
}
