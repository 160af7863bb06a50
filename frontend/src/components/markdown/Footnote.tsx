import { createContext, useContext, type ReactNode } from "react";

import { words } from "../../words";

/** Tells the notes of one text from those of another. */
export const NotesContext = createContext("");

/** The mark of a note in the text: it leads to the note. */
export function FootnoteMark({ label }: { label: string }) {
  const text = useContext(NotesContext);
  const show = (): void => {
    const note = document.getElementById(`${text}${label}`);
    note?.scrollIntoView({ block: "nearest" });
    note?.focus({ preventScroll: true });
  };
  return (
    <sup>
      <button
        type="button"
        className="footnote-mark"
        data-copied={`[${label}]`}
        aria-label={words.markdown.footnote(label)}
        onClick={show}
      >
        {label}
      </button>
    </sup>
  );
}

/** A note, where it was written. */
export function Footnote({ label, dir, children }: { label: string; dir: string | undefined; children: ReactNode }) {
  const text = useContext(NotesContext);
  return (
    <section className="footnote" dir={dir} id={`${text}${label}`} tabIndex={-1}>
      <span className="footnote-label" data-copied={`[${label}]`}>
        {label}
      </span>
      <div>{children}</div>
    </section>
  );
}
