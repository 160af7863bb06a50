/** The studio, in English: sessions, composer, thread, reply, options. */

import { duration, list, number, or, percent, plural, tokens } from "./format";
import { SETTINGS } from "../sampling.gen";

export const studio = {
  side: "Conversations and pages",
  conversations: "Conversations",
  newConversation: "New conversation",
  untitled: "Untitled conversation",
  options: "Options",
  optionsHint: "Options (O)",
  welcome: "What would you like to talk about?",
  startersLabel: "Examples",
  /** What stands on the button, and what it sends. */
  starters: [
    ["Explain something", "How does a rainbow form? Explain it in three sentences."],
    ["Write something", "Write a short poem about the sea at night."],
    ["Find ideas", "Name five dinners that I can cook in 20 minutes."],
    ["Read code", "What does this Python line do?\n`print(sorted(words, key=len)[-3:])`"],
  ] as readonly (readonly [title: string, text: string])[],
  toggleOptions: "Show or hide the options",
  exportMarkdown: "Export this conversation as Markdown",
  exportJson: "Export this conversation as JSON",
  deleteConversation: "Delete this conversation",
};

export const picker = {
  title: "Choose a model",
  find: "Find a model",
  none: "No model",
  chosen: "(chosen)",
  noResults: "No model has this name.",
  sees: "sees pictures",
  thinks: "thinks",
  tools: "uses tools",
  where: (servers: readonly string[]) => list(servers),
  asleep: "asleep, the first reply loads it",
  /** No place is free. */
  full: (places: number) => (places === 1 ? "busy, a message waits" : `all ${number(places)} busy, a message waits`),
  free: (free: number, places: number) => (places === 1 ? "free" : `${number(free)} of ${number(places)} free`),
  /** Of a million tokens. */
  price: (input: number | null, output: number | null) =>
    `A million tokens: ${[input !== null && `${number(input)} read`, output !== null && `${number(output)} written`].filter(Boolean).join(", ")}`,
  blind: (name: string, others: readonly string[]) =>
    `\u2068${name}\u2069 can’t see pictures. ${others.length === 0 ? "No model here can." : `Choose ${or(others)}, or remove them.`}`,
  /** Of the model that answers; `state` may be empty. */
  about: (name: string, where: string, state: string) =>
    `Model: ${[[name, where].filter(Boolean).join(" "), state].filter(Boolean).join(", ")}. Choose another (Ctrl M)`,
  facts: (load: string, where: string, context: number | null) =>
    [where && `on ${where}`, load, context === null ? "" : `reads ${tokens(context)}`].filter(Boolean).join(" · "),
};

export const sessions = {
  search: "Search conversations",
  searchHint: "Search",
  empty: "No conversations yet. Ask something, such as “What can you help me with?”",
  pinned: "Pinned",
  today: "Today",
  yesterday: "Yesterday",
  week: "Last 7 days",
  earlier: "Earlier",
  title: "Title",
  running: "A reply is running",
  unread: "Unread",
  rename: "Rename",
  pin: "Keep at the top",
  deleted: (title: string) => `“${title}” was deleted.`,
  undo: "Undo",
  notDeleted: (title: string, reason: string) => `“${title}” wasn’t deleted. ${reason}`,
  searching: "Searching",
  results: "Results",
  noResults: "No results",
  actions: (title: string) => `Actions for ${title}`,
  more: "Show more conversations",
  loadingMore: "Loading more conversations",
  searchIn: "Search in",
  everywhere: "All conversations",
};

export const folders = {
  title: "Folders",
  new: "New folder",
  newNamed: (name: string) => `New folder “${name}”`,
  edit: "Edit folder",
  create: "Create folder",
  save: "Save",
  name: "Name",
  startsWith: "New conversations in this folder start with this model and prompt. Existing ones keep theirs.",
  actions: (name: string) => `Actions for folder ${name}`,
  newIn: "New conversation here",
  newInTitle: (name: string) => `New conversation in ${name}`,
  delete: "Delete folder",
  deleteTitle: (name: string) => `Delete folder “${name}”?`,
  deleteText: "Its conversations are kept. They move out of the folder.",
  empty: "Empty. Drag a conversation here, or choose Move in its menu.",
  outside: "No folder",
  move: "Move to folder",
  moveThis: "Move this conversation to a folder",
  moveTitle: (title: string) => `Move “${title}”`,
  find: "Find a folder",
  here: "Current folder",
  moved: (title: string, folder: string) => `“${title}” was moved to “${folder}”.`,
  movedOut: (title: string) => `“${title}” was moved out of its folder.`,
};

export const composer = {
  label: "Message",
  placeholder: "Ask anything",
  attach: "Attach a file",
  attachHint: "Attach a file: picture, PDF, Office, EPUB, web page or any text",
  attached: "Attached",
  reading: "Reading the file",
  characters: (count: number) => plural(count, { one: "character", other: "characters" }),
  fromNow: "from this message on",
  remove: (name: string) => `Remove ${name}`,
  missing: (file: string, sentence: string) => `${file}: ${sentence}`,
  tooLong: (length: number, limit: number) =>
    `The message and its documents have ${number(length)} characters; the limit is ${number(limit)}. Remove or shorten a document.`,
  sendHint: "Send (Enter)",
  sentOnceRead: "Sent once the files are ready",
  drop: "Drop files to attach them",
  pasted: (count: number) => (count === 1 ? "Pasted text" : `Pasted text ${number(count)}`),
  asText: (name: string) => `Put ${name} into the message`,
  asTextHint: "Put its text into the message",
  stop: "Stop",
  stopHint: "Stop (Esc)",
  templates: "Templates",
  found: (count: number) => plural(count, { one: "template", other: "templates" }),
  noTemplates: "No results.",
  createTemplate: "Create a template",
};

/** Pictures of messages and replies. */
export const pictures = {
  label: "Pictures",
  /** *Picture 2 of 3, 1,200 × 800 pixels* */
  alt: (at: number, of: number, width: number | null, height: number | null) =>
    [
      of === 1 ? "Picture" : `Picture ${number(at)} of ${number(of)}`,
      width !== null && height !== null && `${number(width)} × ${number(height)} pixels`,
    ]
      .filter(Boolean)
      .join(", "),
  open: "Show it large",
  take: "Take a picture",
  add: "Add pictures",
  only: "Only pictures can be added to a message that was sent. Attach other files to a new message.",
  earlier: (at: number) => `Move picture ${number(at)} one place earlier`,
  later: (at: number) => `Move picture ${number(at)} one place later`,
  progress: (name: string) => `Uploading ${name}`,
  share: (share: number) => percent(share),
  reading: "Reading",
  cancel: (name: string) => `Cancel ${name}`,
  remove: (at: number) => `Remove picture ${number(at)}`,
  tooMany: (limit: number, extra: number) =>
    `A message takes up to ${number(limit)} pictures. ${extra === 1 ? "One was" : `${number(extra)} were`} not attached.`,
  remaining: (limit: number, extra: number) => `A message takes up to ${number(limit)} pictures. Remove ${number(extra)} of them.`,
  missing: "This picture isn’t there. Try again",
  leftOut: (count: number) =>
    count === 1
      ? "The model was not sent this earlier picture:"
      : `The model was not sent these ${number(count)} earlier pictures:`,
  lost: (count: number) =>
    count === 1 ? "A picture of this reply can't be shown." : `${number(count)} pictures of this reply can't be shown.`,
  leftOutWhy: "They no longer fit into its context, or it cannot see pictures.",
  previous: "Previous picture",
  next: "Next picture",
  fullSize: "Full size",
  download: "Download",
};

/** How much of a document the model read. */
export interface ShownPart {
  name: string;
  characters: number;
  of_characters: number;
  unit?: "page" | "slide" | "sheet" | "chapter" | null;
  whole?: number;
  partly?: boolean;
  of?: number;
}

/** *pages 1 to 3 of 40*, *page 1 of 2*, *pages 1 to 3 and a part of page 4, out of 40*. */
function place(unit: string, whole: number, partly: boolean, of: number): string {
  if (whole === 0) return `a part of ${unit} 1 of ${number(of)}`;
  const read = whole === 1 ? `${unit} 1` : `${unit}s 1 to ${number(whole)}`;
  return partly ? `${read} and a part of ${unit} ${number(whole + 1)}, out of ${number(of)},` : `${read} of ${number(of)}`;
}

export const thread = {
  label: "Conversation",
  you: "You",
  model: "Model",
  toEnd: "Jump to the end",
  print: "Print this conversation or save it as PDF",
  edit: "Edit",
  editMessage: "Edit your message",
  thoughts: "Thoughts",
  toolCall: (name: string | null) => (name === null ? "Tool call without a name" : `Tool call: ${name}`),
  toolResult: "Result",
  leftOut: "The model no longer sees this message",
  leftOutWhy: "It was refused because of its length or its content, and would be refused again.",
  shown: ({ name, characters, of_characters, unit, whole = 0, partly = false, of = 0 }: ShownPart) =>
    `The model read ${unit ? place(unit, whole, partly, of) : percent(characters / of_characters)} of “\u2068${name}\u2069”.`,
  shownWhy: "The documents of this message are longer than the model’s context. It read their beginnings.",
  versions: "Versions",
  version: (at: number, of: number) => `${number(at)}/${number(of)}`,
  previousVersion: "Previous version",
  nextVersion: "Next version",
  retry: "Retry",
  continue: "Continue",
  regenerate: "Regenerate",
  good: "Good reply",
  bad: "Bad reply",
  copyReply: "Copy the reply",
  onePiece: "sent in one piece",
  onePieceWhy: "The model’s worker sent this reply in one piece; it was shown little by little.",
};

export const find = {
  command: "Find in this conversation",
  label: "Find in this conversation",
  next: "Next match",
  nextHint: "Next match (Enter)",
  previous: "Previous match",
  previousHint: "Previous match (Shift Enter)",
  close: "Close the search",
  none: "No matches",
  at: (at: number, of: number) => `${number(at)} of ${number(of)}`,
  loading: (count: number) => `${number(count)} so far`,
};

/** Messages that were written while a reply runs. */
export const waiting = {
  label: "Waiting messages",
  afterReply: "Sent when this reply is complete",
  afterOthers: "Sent after the one before it",
  soon: "Sent as soon as there is room",
  edited: "Not sent while it is being edited",
  held: {
    cancelled: "Not sent: the reply before it was stopped",
    interrupted: "Not sent: the reply before it was interrupted",
    failed: "Not sent: the reply before it failed",
  },
  refused: (reason: string) => `Couldn’t be sent. ${reason}`,
  sendNow: "Send now",
  takeBack: "Take back",
  editLabel: "Edit the waiting message",
  save: "Save",
  sentMeanwhile: "The message was sent before your change. Your change is here.",
  hint: "Send after this reply (Enter)",
};

export const reply = {
  sending: "Sending",
  lost: "Connection lost. Trying again.",
  gone: "This reply no longer exists.",
  next: "Waiting, you are next",
  ahead: (count: number) => `Waiting, ${number(count)} ahead of you`,
  unreachable: "The model’s server does not answer. Trying again.",
  recovering: "The reply was broken off. It goes on as soon as it can.",
  healed: "went on after a break",
  healedAfter: (before: string) => `The reply was broken off after “${before}”, and went on there.`,
  busy: "The model is busy. Trying again.",
  loading: "Loading the model",
  reading: "Reading your prompt",
  readingShare: (fraction: number) => `Reading your prompt, ${percent(fraction)}`,
  thinking: "Thinking",
  thinkingFor: (seconds: number) => `Thinking, ${number(seconds)} s`,
  answerNow: "Answer now",
  stopped: "Stopped",
  interrupted: "The reply was interrupted.",
  tooLong: "The reply reached the length limit.",
  filtered: "The model’s content filter ended the reply.",
  hasBegun: "The reply has begun.",
  wasStopped: "The reply was stopped.",
  isComplete: "The reply is complete.",
  notAccepted: "The message was not accepted. Try again.",
  model: (name: string) => name,
  server: (name: string) => name,
  tokens: (count: number, isEstimate: boolean) => (isEstimate ? `about ${tokens(count)}` : tokens(count)),
  rate: (perSecond: number) => `${number(perSecond)} tokens/s`,
  firstToken: (ms: number) => `first token after ${duration(ms)}`,
};

export const markdown = {
  formula: "Formula",
  table: "Table",
  image: (alt: string) => (alt === "" ? "Image" : `Image: ${alt}`),
  footnote: (label: string) => `Footnote ${label}`,
  plainText: "text",
  wrap: "Wrap",
  copyCode: "Copy the code",
  draw: "Draw",
  drawing: "Drawing",
  diagram: "Diagram",
  diagramTooSlow: "it takes too long",
  noDiagram: (reason: string) => `The diagram can’t be drawn: ${reason}`,
  copyTable: "Copy the table as",
  tableFormats: { tsv: "TSV", markdown: "Markdown", csv: "CSV" },
};

export const options = {
  close: "Close the options",
  loading: "Loading",
  saving: "Saving",
  saved: "Applies from your next message.",
  model: "Model",
  defaultModel: (name: string | null) => (name === null ? "Default" : `Default: ${name}`),
  modelContext: (name: string, context: number | null) => (context === null ? name : `${name} (${tokens(context)})`),
  modelUnavailable: (name: string) => `${name} (unavailable)`,
  preset: "Preset",
  template: "Template",
  systemPrompt: "System prompt",
  systemPromptHint: "What the model should know or be in every reply",
  file: "Export and clear",
  markdown: "Markdown",
  json: "JSON",
  fileHint:
    "Markdown is for reading. JSON keeps every version of every message and its pictures, and you can import it in the settings.",
  clear: "Clear messages",
  clearTitle: "Clear this conversation?",
  clearText: "All its messages are deleted for good. Its options and its published pages stay.",
};

export const sampling = {
  settings: SETTINGS,
  more: "More settings",
  default: "Default",
  defaultIs: (value: string) => `Default: ${value}`,
  thinkingOff: "Off",
  thinkingAuto: "As the model decides",
  thinkingLimited: "Limited",
  thinkingLimit: "Tokens to think",
  notJson: "This isn’t JSON yet, so it isn’t saved.",
  reset: (name: string) => `Reset ${name}`,
  resetHint: "Use the default",
  range: (min: number, max: number, hint: string) => `${number(min, min % 1 === 0 ? 0 : 2)} to ${number(max)}: ${hint}`,
};
