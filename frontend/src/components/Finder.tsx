import { useEffect, useId, useRef, type ReactNode } from "react";

import { words } from "../words";
import { useChoices } from "./choices";
import { Dialog } from "./Dialog";

interface Props<Choice> {
  title: string;
  /** What is looked for. */
  label: string;
  text: string;
  onText: (text: string) => void;
  choices: readonly Choice[];
  /** What is seen of a choice. */
  children: (choice: Choice) => ReactNode;
  isChosen?: (choice: Choice) => boolean;
  onTake: (choice: Choice) => void;
  onClose: () => void;
  /** Stands in the place of choices where there are none. */
  empty: string;
}

/** A dialog that finds one of many: a field, and under it the choices, among which the arrow keys go while the focus stays in the field. */
export function Finder<Choice>({
  title,
  label,
  text,
  onText,
  choices,
  children,
  isChosen = () => false,
  onTake,
  onClose,
  empty,
}: Props<Choice>) {
  const id = useId();
  const list = useRef<HTMLUListElement>(null);
  const take = (at: number): void => {
    const choice = choices[at];
    onClose();
    if (choice !== undefined) onTake(choice);
  };
  const { at, setAt, onKeyDown } = useChoices(choices.length, take);
  useEffect(() => {
    list.current?.children[at]?.scrollIntoView({ block: "nearest" });
  }, [at]);
  return (
    <Dialog title={title} onClose={onClose}>
      <input
        type="text"
        role="combobox"
        aria-label={label}
        aria-autocomplete="list"
        aria-expanded={choices.length > 0}
        aria-controls={id}
        aria-activedescendant={choices.length > 0 ? `${id}-${at}` : undefined}
        autoComplete="off"
        spellCheck={false}
        placeholder={label}
        autoFocus
        value={text}
        onChange={(event) => {
          onText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul className="choices" role="listbox" id={id} aria-label={words.palette.results} ref={list}>
        {choices.map((choice, index) => (
          <li
            key={index}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === at}
            aria-current={isChosen(choice) || undefined}
            onPointerMove={() => setAt(index)}
            onClick={() => take(index)}
          >
            {children(choice)}
          </li>
        ))}
      </ul>
      <p className={choices.length > 0 ? "for-ears" : "muted"} role="status">
        {choices.length > 0 ? words.palette.found(choices.length) : empty}
      </p>
    </Dialog>
  );
}
