/** A reply as it stands on the page: its texts, and its pictures between them. */

import type { Part, Picture } from "../../protocol/parts";

export type Piece = { kind: "text"; text: string } | { kind: "pictures"; pictures: readonly Picture[] };

/**
 * `text`: what is shown of the texts; it may end earlier than theirs, and then what follows is left out, or later. There is always a
 * piece, if only an empty text.
 */
export function piecesOf(parts: readonly Part[], text: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const part of parts) {
    const last = pieces.at(-1);
    if (part.type === "text") {
      const own = text.slice(at, at + part.text.length);
      at += part.text.length;
      if (last?.kind === "text") last.text += own;
      else if (own !== "") pieces.push({ kind: "text", text: own });
    } else if (part.type === "image" && at <= text.length) {
      if (last?.kind === "pictures") last.pictures = [...last.pictures, part];
      else pieces.push({ kind: "pictures", pictures: [part] });
    }
  }
  const rest = text.slice(at);
  const last = pieces.at(-1);
  if (last?.kind === "text") last.text += rest;
  else if (rest !== "" || pieces.length === 0) pieces.push({ kind: "text", text: rest });
  return pieces;
}

/** The pictures of earlier messages that a reply was made without, as its metadata say it. */
export function picturesLeftOut(metadata: Readonly<Record<string, unknown>> | null): Picture[] {
  const left = metadata?.["pictures_left_out"];
  return Array.isArray(left) ? left.filter((id) => typeof id === "string").map((id) => ({ id })) : [];
}
