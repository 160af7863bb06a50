import { memo, startTransition, useEffect, useState, type ReactElement } from "react";

import { words } from "../../words";
import { CopyButton } from "../CopyButton";
import { useDiagram } from "./Diagram";
import { KeepsSelection } from "./KeepsSelection";

const LINES = 64;
/** Longer lines are broken: one line is laid out in one go. */
const LONGEST = 32_768;
/** Longer code stays plain: colouring it would hold up the page. */
const MOST_COLOURED = 20_000;

interface Props {
  /** What the fence says; its first word is the language. */
  info: string;
  text: string;
  closed: boolean;
  /** The end of a growing text stands in it. */
  isLast?: boolean;
}

/** Code with its language, a button that copies it, and one that wraps long lines. Colours come once it is whole. */
export const CodeBlock = memo(function CodeBlock({ info, text, closed, isLast = false }: Props) {
  const language = info.split(/\s/)[0] ?? "";
  const [wraps, setWraps] = useState(false);
  const coloured = useColours(language, text, closed);
  const lines = inLines(text);
  const diagram = useDiagram(text);
  const isDiagram = closed && language.toLowerCase() === "mermaid";
  return (
    <figure className="code">
      <figcaption>
        <span className="title">
          <bdi>{info || words.markdown.plainText}</bdi>
        </span>
        {isDiagram && diagram.button}
        <button type="button" className="quiet" aria-pressed={wraps} onClick={() => setWraps(!wraps)}>
          {words.markdown.wrap}
        </button>
        <CopyButton text={text} label={words.markdown.copyCode} />
      </figcaption>
      {isDiagram && diagram.drawing}
      <pre tabIndex={0} dir="ltr" className={wraps ? "wraps" : undefined}>
        <KeepsSelection tag="code">
          {coloured ?? lines.map((some, at) => <Lines key={at} text={some} isLast={isLast && at === lines.length - 1} />)}
        </KeepsSelection>
      </pre>
    </figure>
  );
});

/** Some lines of code as a box of their own: when text comes, only the last one is laid out again. */
const Lines = memo(function Lines({ text, isLast }: { text: string; isLast: boolean }) {
  return <span className={isLast ? "lines caret" : "lines"}>{text}</span>;
});

function inLines(text: string): string[] {
  const found: string[] = [];
  let start = 0;
  let count = 0;
  for (let newline = text.indexOf("\n"); newline !== -1; newline = text.indexOf("\n", newline + 1)) {
    for (; newline - start > LONGEST; start += LONGEST) found.push(text.slice(start, start + LONGEST));
    if (++count % LINES !== 0) continue;
    found.push(text.slice(start, newline));
    start = newline + 1;
  }
  for (; text.length - start > LONGEST; start += LONGEST) found.push(text.slice(start, start + LONGEST));
  return [...found, text.slice(start)];
}

function useColours(language: string, text: string, closed: boolean): ReactElement | null {
  const [coloured, setColoured] = useState<ReactElement | null>(null);
  const wanted = closed && language !== "" && text.length <= MOST_COLOURED;
  useEffect(() => {
    if (!wanted) return;
    let isCurrent = true;
    import("./highlight").then(
      ({ highlighted }) => {
        whenIdle(() => {
          if (!isCurrent) return;
          const found = highlighted(language.toLowerCase(), text);
          startTransition(() => setColoured(found)); // in pieces: words that come meanwhile go first
        });
      },
      () => undefined, // without colours it can be read too
    );
    return () => {
      isCurrent = false;
    };
  }, [wanted, language, text]);
  return wanted ? coloured : null;
}

function whenIdle(run: () => void): void {
  if ("requestIdleCallback" in globalThis) requestIdleCallback(run, { timeout: 500 });
  else setTimeout(run);
}
