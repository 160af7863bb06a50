import { useRef, useState, type ReactNode } from "react";

import { words } from "../../words";
import { copyText } from "../copy";
import { alignmentsOf, asCsv, asMarkdown, asTsv, marked, plain, rowsOf } from "./tables";

const FORMATS = {
  tsv: (table: HTMLTableElement) => asTsv(rowsOf(table, plain)),
  markdown: (table: HTMLTableElement) => asMarkdown(rowsOf(table, marked), alignmentsOf(table)),
  csv: (table: HTMLTableElement) => asCsv(rowsOf(table, plain)),
};
type Format = keyof typeof FORMATS;

/** A table, with buttons that copy it for a spreadsheet or another text. */
export function Table({ dir, children }: { dir: string | undefined; children: ReactNode }) {
  const table = useRef<HTMLTableElement>(null);
  const [copied, setCopied] = useState<Format | null>(null);
  const [hasFailed, setHasFailed] = useState(false);
  const copy = async (format: Format): Promise<void> => {
    if (table.current === null) return;
    const isCopied = await copyText(FORMATS[format](table.current));
    setHasFailed(!isCopied);
    setCopied(isCopied ? format : null);
    setTimeout(() => setCopied(null), 1500);
  };
  return (
    <div className="table">
      <div className="table-scroll" dir={dir} tabIndex={0} role="region" aria-label={words.markdown.table}>
        <table ref={table}>{children}</table>
      </div>
      <div className="table-copies" role="group" aria-label={words.markdown.copyTable} data-interface>
        <span aria-hidden>{words.markdown.copyTable}</span>
        {(["tsv", "markdown", "csv"] as const).map((format) => (
          <button key={format} type="button" className="quiet" onClick={() => void copy(format)}>
            {copied === format ? words.common.copied : words.markdown.tableFormats[format]}
          </button>
        ))}
        {hasFailed && <span role="alert">{words.common.notCopied}</span>}
      </div>
    </div>
  );
}
