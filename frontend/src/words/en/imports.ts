/** The import of conversations, in English. */

import { list, number, plural } from "./format";

const conversations = (count: number): string => plural(count, { one: "conversation", other: "conversations" });

/** A title with a direction of its own. */
const apart = (title: string): string => `\u2068${title}\u2069`;

const LEFT: Readonly<Record<string, (count: number) => string>> = {
  image: (count) => plural(count, { one: "picture", other: "pictures" }),
  audio: (count) => plural(count, { one: "sound recording", other: "sound recordings" }),
  video: (count) => plural(count, { one: "video", other: "videos" }),
  file: (count) => `${plural(count, { one: "attached file", other: "attached files" })}: the export does not contain their text`,
  instructions: (count) => `${plural(count, { one: "note", other: "notes" })} about you (custom instructions)`,
  hidden: (count) => plural(count, { one: "hidden message", other: "hidden messages" }),
  citation: (count) => `Links to search results in ${plural(count, { one: "reply", other: "replies" })}`,
  loop: (count) =>
    `The place of ${plural(count, { one: "message", other: "messages" })}: nothing leads to them, so they begin a branch`,
};

export const imports = {
  title: "Import conversations",
  hint: "From ChatGPT (the ZIP file of its data export), Open WebUI, LibreChat, or LAM Studio. You see what is in the file before anything is imported.",
  choose: "Choose a file",
  file: "Exported conversations",
  reading: "Reading the file",
  sources: { chatgpt: "ChatGPT", open_webui: "Open WebUI", librechat: "LibreChat", lam: "LAM Studio" },
  from: (source: string) => `Import from ${source}`,
  sessions: "Conversations",
  messages: "Messages",
  branches: "Other versions",
  documents: "Documents",
  count: (count: number) => number(count),
  earlier: "Already imported, skipped",
  begins: (titles: string[], of: number) =>
    of > titles.length ? `${titles.map(apart).join(", ")}, and ${number(of - titles.length)} more` : list(titles.map(apart)),
  untitled: "Untitled",
  leftOut: "Not imported",
  left: (kind: string, count: number) => LEFT[kind]?.(count) ?? `${number(count)} × ${kind}`,
  refused: (title: string, reason: string) => `“${title}”: ${reason}`,
  moreRefused: (count: number) => `${conversations(count)} more`,
  noRoom: (room: number) => `You have room for ${conversations(room)} more. Delete some first to import the rest.`,
  nothingNew: "Everything in this file has been imported before.",
  run: (count: number) => `Import ${conversations(count)}`,
  progress: (done: number, all: number) => `${number(done)} of ${number(all)}`,
  progressLabel: "Progress of the import",
  stop: "Stop",
  stopHint: "You can stop at any time: what has been imported stays, and a second import skips it.",
  complete: "Import complete",
  stopped: "The import stopped",
  result: (done: number, skipped: number, refused: number) =>
    [
      `${conversations(done)} imported.`,
      ...(skipped > 0 ? [`${conversations(skipped)} skipped, because an earlier import brought them.`] : []),
      ...(refused > 0 ? [`${conversations(refused)} could not be imported.`] : []),
    ].join(" "),
  show: "Show the first one",
};
