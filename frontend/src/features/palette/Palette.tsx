import { useQuery } from "@tanstack/react-query";
import { useState, useSyncExternalStore } from "react";
import { useLocation } from "wouter";

import { sessionList } from "../../api/queries";
import { useChoices } from "../../components/choices";
import { Dialog } from "../../components/Dialog";
import { finder } from "../../protocol/folding";
import { sessionPath } from "../../site";
import { commands } from "../../stores/commands";
import { deletions } from "../../stores/deletions";
import { words } from "../../words";

const MOST = 12;

interface Choice {
  group: string;
  title: string;
  key?: string | undefined;
  run: () => void;
}

/** Everything that can be done and every conversation, by a few letters of its name. */
export function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const has = finder(text);
  const all = useSyncExternalStore(commands.subscribe, commands.get);
  const sessions = useQuery(sessionList);
  const hidden = useSyncExternalStore(deletions.subscribe, deletions.get);
  const [, navigate] = useLocation();
  const choices: Choice[] = [
    ...all.filter(({ title }) => has(title)).map((command) => ({ group: "", ...command })),
    ...(sessions.data ?? [])
      .filter(({ id, title }) => !hidden.has(id) && has(title))
      .slice(0, MOST)
      .map(({ id, title }) => ({ group: words.palette.conversations, title, run: () => navigate(sessionPath(id)) })),
  ];
  const take = (at: number): void => {
    onClose();
    choices[at]?.run();
  };
  const { at, setAt, onKeyDown } = useChoices(choices.length, take);
  return (
    <Dialog title={words.palette.title} onClose={onClose}>
      <input
        type="text"
        role="combobox"
        aria-label={words.palette.find}
        aria-expanded="true"
        aria-controls="palette"
        aria-activedescendant={choices.length > 0 ? `palette-${at}` : undefined}
        placeholder={words.palette.find}
        autoFocus
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul className="choices" role="listbox" id="palette" aria-label={words.palette.results}>
        {choices.map((choice, index) => (
          <li
            key={`${choice.group} ${choice.title} ${index}`}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === at}
            onPointerMove={() => setAt(index)}
            onClick={() => take(index)}
          >
            {choice.title}
            <span className="muted">{choice.key === undefined ? choice.group : <kbd>{choice.key.toUpperCase()}</kbd>}</span>
          </li>
        ))}
      </ul>
      {choices.length === 0 && <p className="muted">{words.palette.noResults}</p>}
    </Dialog>
  );
}
