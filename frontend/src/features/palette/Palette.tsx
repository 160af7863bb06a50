import { useQuery } from "@tanstack/react-query";
import { useState, useSyncExternalStore } from "react";
import { useLocation } from "wouter";

import { sessionList } from "../../api/queries";
import { Dialog } from "../../components/Dialog";
import { useChoices } from "../../components/choices";
import { finder } from "../../protocol/folding";
import { commands } from "../../stores/commands";
import { deletions } from "../../stores/deletions";

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
  const found: Choice[] = [
    ...all.filter(({ title }) => has(title)).map((command) => ({ group: "Do", ...command })),
    ...(sessions.data ?? [])
      .filter(({ id, title }) => !hidden.has(id) && has(title))
      .slice(0, MOST)
      .map(({ id, title }) => ({ group: "Conversations", title, run: () => navigate(`/c/${id}`) })),
  ];
  const take = (at: number): void => {
    onClose();
    found[at]?.run();
  };
  const { at, setAt, onKeyDown } = useChoices(found.length, take);
  return (
    <Dialog title="Commands" onClose={onClose}>
      <input
        type="text"
        role="combobox"
        aria-label="Find a command or a conversation"
        aria-expanded="true"
        aria-controls="palette"
        aria-activedescendant={found.length > 0 ? `palette-${at}` : undefined}
        placeholder="Find a command or a conversation"
        autoFocus
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul className="choices" role="listbox" id="palette" aria-label="Found">
        {found.map((choice, index) => (
          <li
            key={`${choice.group} ${choice.title} ${index}`}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === at}
            onPointerMove={() => setAt(index)}
            onClick={() => take(index)}
          >
            {choice.title}
            <span className="muted">
              {choice.key === undefined ? choice.group === "Do" ? "" : choice.group : <kbd>{choice.key.toUpperCase()}</kbd>}
            </span>
          </li>
        ))}
      </ul>
      {found.length === 0 && (
        <p className="muted">Nothing is called that. The search beside the conversations finds what was said.</p>
      )}
    </Dialog>
  );
}
