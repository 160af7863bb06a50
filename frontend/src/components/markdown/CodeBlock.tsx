import { memo, useState } from "react";

/** Code with its language, a button that copies it, and one that wraps long lines. */
export const CodeBlock = memo(function CodeBlock({ language, text, closed }: { language: string; text: string; closed: boolean }) {
  const [copied, setCopied] = useState(false);
  const [wraps, setWraps] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <figure className="code">
      <figcaption>
        <span>{language || "text"}</span>
        <button type="button" className="quiet" aria-pressed={wraps} onClick={() => setWraps(!wraps)}>
          Wrap
        </button>
        {closed && (
          <button type="button" className="quiet" onClick={() => void copy()}>
            {copied ? "Copied" : "Copy"}
          </button>
        )}
      </figcaption>
      <pre tabIndex={0} className={wraps ? "wraps" : undefined}>
        <code>{text}</code>
      </pre>
    </figure>
  );
});
