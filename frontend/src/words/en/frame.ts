/** What stands on every page, in English: names of pages, words of buttons, failures. */

import { plural } from "./format";

export const common = {
  product: "LAM Studio",
  documentTitle: (page: string) => `${page} · LAM Studio`,
  tryAgain: "Try again",
  cancel: "Cancel",
  close: "Close",
  delete: "Delete",
  send: "Send",
  signOut: "Sign out",
  email: "Email",
  password: "Password",
  none: "None",
  unknown: "Unknown",
  useTemplate: "Use template",
  copy: "Copy",
  copied: "Copied",
  notCopied: "Copying is not allowed here: select the text.",
};

/** The titles of the pages: in the navigation, above each page, in the browser's tab and in the palette. */
export const pages = {
  studio: "Conversations",
  templates: "Templates",
  maze: "Maze",
  lab: "Lab",
  rooms: "Rooms",
  usage: "Usage",
  settings: "Settings",
  admin: "Admin",
  signIn: "Sign in",
  join: "Join",
};

export const navigation = {
  back: "Back to conversations",
  label: "Pages",
  skip: "Skip to the content",
  goTo: (page: string) => `Go to ${page.toLowerCase()}`,
};

/** Part of the page cannot be drawn. */
export const broken = {
  account: "Something went wrong. Your account can’t be shown.",
  commands: "Something went wrong. The commands can’t be shown.",
  composer: "Something went wrong. The message box can’t be shown.",
  conversation: "Something went wrong. This conversation can’t be shown.",
  conversations: "Something went wrong. The list of conversations can’t be shown.",
  message: "Something went wrong. This message is shown as plain text.",
  options: "Something went wrong. The options can’t be shown.",
  page: "Something went wrong. This page can’t be shown.",
  people: "Something went wrong. Who is here can’t be shown.",
};

export const failure = {
  everythingTitle: "Something went wrong",
  everything: "Reload the page. Your conversations are stored on the server and your drafts in this browser; nothing is lost.",
  reload: "Reload the page",
  notFoundTitle: "Page not found",
  notFound: "The address is wrong, or the page no longer exists.",
  offlineTitle: "Can’t reach LAM Studio",
  offlineHint: "Check that it is running and that you are online.",
  offline: "Running replies continue without you. This page tries again every few seconds.",
  unreachable: "Can’t reach LAM Studio. Check that it is running and that you are online.",
  silent: "LAM Studio does not answer. Trying again.",
  /** What went wrong in the gateway. `said`: its own sentence. */
  problem: (_code: string, said: string) => said,
  status: (status: number) => `LAM Studio answered with an error (${status}). Try again.`,
};

export const palette = {
  title: "Commands",
  find: "Find a command or conversation",
  results: "Results",
  found: (count: number) => plural(count, { one: "result", other: "results" }),
  noResults: "No results. To search inside messages, use the search above the conversations.",
  conversations: "Conversation",
  showKeys: "Show the keyboard shortcuts",
  keys: "Keyboard shortcuts",
  chord: (key: string) => `Ctrl ${key}`,
  fixedKeys: [
    ["Ctrl K", "Find a command or conversation"],
    ["Ctrl F", "Find in the conversation; once more: the browser’s own search"],
    ["Ctrl P", "Print the whole conversation"],
    ["Enter", "Send; while a reply runs, after it"],
    ["Shift Enter", "Start a new line"],
    ["Esc", "Stop the reply, and stop reading it aloud"],
    ["Ctrl Shift Space", "Where LAM Studio can listen: hold it to talk"],
    ["/", "At the start of a message: choose a template"],
    ["↑", "In an empty message: edit your last message"],
  ] as readonly (readonly [key: string, does: string])[],
};
