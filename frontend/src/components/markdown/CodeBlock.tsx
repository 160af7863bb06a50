import { memo, startTransition, useEffect, useState, type ReactElement } from "react";

import { words } from "../../words";
import { CopyButton } from "../CopyButton";

const LINES = 64;
/** Longer code stays plain: colouring it would hold up the page. */
const MOST_COLOURED = 20_000;

/** Code with its language, a button that copies it, and one that wraps long lines. Colours come once it is whole. `info`: what the fence
 * says; its first word is the language. */
export const CodeBlock = memo(function CodeBlock({ info, text, closed }: { info: string; text: string; closed: boolean }) {
  const language = info.split(/\s/)[0] ?? "";
  const [wraps, setWraps] = useState(false);
  const coloured = useColours(language, text, closed);
  return (
    <figure className="code">
      <figcaption>
        <span className="title">{info || words.markdown.plainText}</span>
        <button type="button" className="quiet" aria-pressed={wraps} onClick={() => setWraps(!wraps)}>
          {words.markdown.wrap}
        </button>
        {closed && <CopyButton text={text} label={words.markdown.copyCode} />}
      </figcaption>
      <pre tabIndex={0} className={wraps ? "wraps" : undefined}>
        <code>{coloured ?? inLines(text).map((lines, at) => <Lines key={at} text={lines} />)}</code>
      </pre>
    </figure>
  );
});

/** Some lines of code as a box of their own: when text comes, only the last one is laid out again. */
const Lines = memo(function Lines({ text }: { text: string }) {
  return <span className="lines">{text}</span>;
});

function inLines(text: string): string[] {
  const found: string[] = [];
  let start = 0;
  let count = 0;
  for (let newline = text.indexOf("\n"); newline !== -1; newline = text.indexOf("\n", newline + 1)) {
    if (++count % LINES !== 0) continue;
    found.push(text.slice(start, newline));
    start = newline + 1;
  }
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
