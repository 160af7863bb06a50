import { useMemo } from "react";

import { difference } from "./difference";

/** What became of a text: what is gone struck through, what came underlined, so that no colour is needed to tell them apart. */
export function Diff({ before, after }: { before: string; after: string }) {
  const pieces = useMemo(() => difference(before, after), [before, after]);
  return (
    <pre className="diff" tabIndex={0}>
      {pieces.map(({ value, kind }, at) =>
        kind === "gone" ? (
          <del key={at}>{value}</del>
        ) : kind === "came" ? (
          <ins key={at}>{value}</ins>
        ) : (
          <span key={at}>{value}</span>
        ),
      )}
    </pre>
  );
}
