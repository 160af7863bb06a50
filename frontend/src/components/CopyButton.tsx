import { Check, Copy } from "lucide-react";
import { useState } from "react";

import { copyText } from "./copy";

/** Copies a text, and says so for a moment. */
export function CopyButton({ text, what = "reply" }: { text: string; what?: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await copyText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <button
      type="button"
      className="quiet icon"
      aria-label={copied ? "Copied" : `Copy the ${what}`}
      title="Copy"
      onClick={() => void copy()}
    >
      {copied ? <Check aria-hidden /> : <Copy aria-hidden />}
    </button>
  );
}
