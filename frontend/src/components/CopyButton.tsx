import { Check, Copy, X } from "lucide-react";
import { useState } from "react";

import { words } from "../words";
import { copyText } from "./copy";

const SAID_MS = 1_500;
const FAILED_MS = 6_000; // there is more to read

/** Copies a text, and says for a moment whether that worked. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [result, setResult] = useState<"copied" | "notCopied" | null>(null);
  const copy = async (): Promise<void> => {
    const isCopied = await copyText(text);
    setResult(isCopied ? "copied" : "notCopied");
    setTimeout(() => setResult(null), isCopied ? SAID_MS : FAILED_MS);
  };
  return (
    <>
      <button
        type="button"
        className="quiet icon"
        aria-label={result === "copied" ? words.common.copied : label}
        title={words.common.copy}
        onClick={() => void copy()}
      >
        {result === null ? <Copy aria-hidden /> : result === "copied" ? <Check aria-hidden /> : <X aria-hidden />}
      </button>
      {result === "notCopied" && <span role="alert">{words.common.notCopied}</span>}
    </>
  );
}
