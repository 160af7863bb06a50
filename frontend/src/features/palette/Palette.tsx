import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState, useSyncExternalStore } from "react";
import { useLocation } from "wouter";

import { search, sessionList } from "../../api/queries";
import type { ListedSession, SearchAnswer } from "../../api/schema";
import { Finder } from "../../components/Finder";
import { finder } from "../../protocol/folding";
import { sessionPath } from "../../site";
import { commands, keysOf } from "../../stores/commands";
import { deletions } from "../../stores/deletions";
import { words } from "../../words";

const MOST = 12;

interface Choice {
  group: string;
  title: string;
  keys?: string | null;
  run: () => void;
}

/** Titles of sessions: of those that the list knows, and of those that the gateway found by their title. */
function titles(listed: readonly ListedSession[] | undefined, found: SearchAnswer | undefined): Map<number, string> {
  const byTitle = found?.results.filter(({ message_id }) => message_id === null) ?? [];
  return new Map([
    ...(listed ?? []).map(({ id, title }): [number, string] => [id, title]),
    ...byTitle.map(({ session_id, title }): [number, string] => [session_id, title.map(({ text }) => text).join("")]),
  ]);
}

/** Everything that can be done and every conversation, by a few letters of its name. */
export function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const has = finder(text);
  const all = useSyncExternalStore(commands.subscribe, commands.get);
  const sessions = useQuery(sessionList);
  const found = useQuery(search(useDeferredValue(text).trim()));
  const hidden = useSyncExternalStore(deletions.subscribe, deletions.get);
  const [, navigate] = useLocation();
  const choices: Choice[] = [
    ...all.filter(({ title }) => has(title)).map((command) => ({ group: "", keys: keysOf(command), ...command })),
    ...[...titles(sessions.data, found.data)]
      .filter(([id, title]) => !hidden.has(id) && has(title))
      .slice(0, MOST)
      .map(([id, title]) => ({ group: words.palette.conversations, title, run: () => navigate(sessionPath(id)) })),
  ];
  return (
    <Finder
      title={words.palette.title}
      label={words.palette.find}
      text={text}
      onText={setText}
      choices={choices}
      onTake={({ run }) => run()}
      onClose={onClose}
      empty={words.palette.noResults}
    >
      {({ title, group, keys }) => (
        <>
          <span>{title}</span>
          <span className="muted">{keys == null ? group : <kbd>{keys}</kbd>}</span>
        </>
      )}
    </Finder>
  );
}
