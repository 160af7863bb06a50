import { useState } from "react";

import { directionOf } from "../../components/markdown/direction";
import { Markdown } from "../../components/markdown/Markdown";
import { words } from "../../words";

/** What the model thought before it answered; closed until somebody wants to see it. */
export function Thoughts({ text, isThinking }: { text: string; isThinking: boolean }) {
  const [isOpen, setOpen] = useState(false);
  if (text === "") return null;
  return (
    <details className="thoughts" dir={directionOf(text)} open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{words.thread.thoughts}</summary>
      {isOpen && <Markdown text={text} growing={isThinking} />}
    </details>
  );
}
