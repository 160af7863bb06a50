import { drafts } from "../../stores/drafts";
import { words } from "../../words";
import type { SessionActions } from "./session-actions";

/** Four messages to begin with, where nothing is said or written yet: one press sends one. */
export function Starters({ session, say }: { session: number | null; say: SessionActions["say"] }) {
  const begin = (text: string): void => {
    const draft = drafts.get(session);
    drafts.change(session, { text: "", documents: [], pictures: [], template: null });
    say({ ...draft, text }).catch((error: unknown) =>
      drafts.change(session, { ...draft, text, problem: error instanceof Error ? error.message : String(error) }),
    );
  };
  return (
    <ul className="starters" aria-label={words.studio.startersLabel}>
      {words.studio.starters.map(([title, text]) => (
        <li key={title}>
          <button type="button" onClick={() => begin(text)}>
            <strong>{title}</strong>
            <span className="muted">{text}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
