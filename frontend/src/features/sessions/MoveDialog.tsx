import { useState } from "react";

import type { ListedSession } from "../../api/schema";
import { partOf, type Part } from "../../api/session-pages";
import { useChoices } from "../../components/choices";
import { Dialog } from "../../components/Dialog";
import { finder } from "../../protocol/folding";
import { words } from "../../words";
import { FolderForm } from "./FolderForm";
import { useFolders, useMoveSession } from "./folders";

interface Choice {
  to: Part | "new";
  name: string;
}

/** Chooses the folder of a conversation, by a few letters of its name; or a new one. */
export function MoveDialog({
  session,
  onClose,
}: {
  session: Pick<ListedSession, "id" | "title" | "folder_id">;
  onClose: () => void;
}) {
  const [text, setText] = useState("");
  const [isNew, setNew] = useState(false);
  const folders = useFolders();
  const move = useMoveSession();
  const has = finder(text);
  const choices: Choice[] = [
    ...(has(words.folders.outside) ? [{ to: "none" as const, name: words.folders.outside }] : []),
    ...folders.filter(({ name }) => has(name)).map(({ id, name }) => ({ to: id, name })),
    { to: "new", name: text.trim() === "" ? words.folders.new : words.folders.newNamed(text.trim()) },
  ];
  const take = (at: number): void => {
    const choice = choices[at];
    if (choice === undefined) return;
    if (choice.to === "new") {
      setNew(true);
      return;
    }
    onClose();
    move(session, choice.to);
  };
  const { at, setAt, onKeyDown } = useChoices(choices.length, take);
  return (
    <Dialog title={words.folders.moveTitle(session.title)} onClose={onClose}>
      <input
        type="text"
        role="combobox"
        dir={text === "" ? undefined : "auto"}
        aria-label={words.folders.find}
        aria-expanded="true"
        aria-controls="folder-choices"
        aria-activedescendant={`folder-choice-${at}`}
        placeholder={words.folders.find}
        maxLength={80}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul className="choices" role="listbox" id="folder-choices" aria-label={words.folders.title}>
        {choices.map(({ to, name }, index) => (
          <li
            key={to}
            id={`folder-choice-${index}`}
            role="option"
            aria-selected={index === at}
            onPointerMove={() => setAt(index)}
            onClick={() => take(index)}
          >
            <span className="title" dir="auto">
              {name}
            </span>
            {to === partOf(session) && <span className="muted">{words.folders.here}</span>}
          </li>
        ))}
      </ul>
      {isNew && <FolderForm folder={null} name={text.trim()} onSaved={({ id }) => move(session, id)} onClose={onClose} />}
    </Dialog>
  );
}
