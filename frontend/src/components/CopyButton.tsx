import { Check, Copy } from "lucide-react";
import { useState } from "react";

import { words } from "../words";
import { copyText } from "./copy";

/** Copies a text, and says so for a moment. */
export function CopyButton({ text, label }: { text: string; label: string }) {
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
      aria-label={copied ? words.common.copied : label}
      title={words.common.copy}
      onClick={() => void copy()}
    >
      {copied ? <Check aria-hidden /> : <Copy aria-hidden />}
    </button>
  );
}
