import { useState } from "react";

import { Markdown } from "../../components/markdown/Markdown";
import { words } from "../../words";

/** What the model thought before it answered; closed until somebody wants to see it. */
export function Thoughts({ text, isThinking }: { text: string; isThinking: boolean }) {
  const [isOpen, setOpen] = useState(false);
  if (text === "") return null;
  return (
    <details className="thoughts" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{isThinking ? words.thread.thinking : words.thread.thoughts}</summary>
      {isOpen && <Markdown text={text} growing={isThinking} />}
    </details>
  );
}
