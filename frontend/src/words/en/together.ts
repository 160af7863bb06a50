/** People in a session: who is there, how they come, what they may do, what is published. In English. */

import { ago, date, list, number, plural } from "./format";

const people = (count: number): string => plural(count, { one: "person", other: "people" });

/** *In 1 hour*, *In 7 days*: of so many seconds. */
const term = (seconds: number): string =>
  seconds < 86_400
    ? `In ${plural(seconds / 3_600, { one: "hour", other: "hours" })}`
    : `In ${plural(seconds / 86_400, { one: "day", other: "days" })}`;

export const together = {
  share: "Share",
  shareHint: "Share this conversation",
  shared: "Others can read this conversation",
  /** Of the button with the pictures of who is there. */
  peopleHere: (names: readonly string[]) => (names.length === 0 ? "Share: only you are here" : `Share: ${list(names)} here`),
  title: "Share",
  titleOfMembers: "People",
  membersHere: (names: readonly string[]) => (names.length === 0 ? "People: only you are here" : `People: ${list(names)} here`),
  views: { people: "People", links: "Links", publish: "Publish", history: "History" },
  you: "You",
  nameOfYou: (name: string) => `${name} (you)`,
  guest: "Guest",
  someone: "Somebody who left",
  roles: { owner: "Owner", steer: "Can write", watch: "Can read" },
  roleHints: {
    owner: "Everything",
    steer: "Send and stop, regenerate, choose the version and the model",
    watch: "Read, react, ask to write",
  },
  presence: { here: "Here", away: "Away", left: "Not here" },
  more: (count: number) => `+${number(count)}`,

  // People
  roleOf: (name: string) => `What ${name} may do`,
  actionsOf: (name: string) => `Actions for ${name}`,
  wantsToSteer: "Asks to write",
  askedToSteer: (name: string) => `${name} asks to write.`,
  allow: "Allow",
  allowOf: (name: string) => `Let ${name} write`,
  remove: "Remove",
  removeTitle: (name: string) => `Remove ${name}?`,
  removeText: "They can no longer read this conversation. To keep them out, revoke the links that they know, too.",
  handOver: "Make owner",
  handOverTitle: (name: string) => `Make ${name} the owner?`,
  handOverText: "They decide from then on who is here. You can still write, and the links that you made stop working.",
  leave: "Leave",
  leaveTitle: "Leave this conversation?",
  leaveText: "You can no longer read it. To come back, you need a link.",
  onlyYou: "Only you are here. Make a link and send it to those who should read or write along.",

  // Links
  newLink: "New link",
  linkRole: "Who opens it",
  expires: "Expires",
  term,
  uses: "For",
  usesOf: (uses: number) => people(uses),
  createLink: "Create link",
  linkTitle: "Your new link",
  linkMade: "Copy the link now. It is not shown again.",
  copyLink: "Copy the link",
  done: "Done",
  links: "Links",
  noLinks: "No links. Nobody else can join.",
  aboutLink: (expires: string, uses: number) => `Expires ${ago(expires)}; for ${people(uses)}`,
  revoke: "Revoke",
  revokeLink: (role: string, created: string) => `Revoke the link “${role}” of ${date(created)}`,
  revoked: "The link no longer works.",

  // Publish
  publishAbout: "Anybody with the link can read the page, without an account. Later messages are not on it.",
  preview: "Preview",
  previewHint: "Exactly this is published:",
  withParts: "With",
  parts: {
    pictures: "Pictures",
    names: "Names of those who wrote",
    prompt: "System prompt",
    thoughts: "Thoughts of the model",
    documents: "Texts of documents",
  },
  publish: "Publish",
  download: "Download as a file",
  pageTitle: "Your page",
  pageMade: "The page is public. Copy its link now. It is not shown again.",
  published: "Published pages",
  nothingPublished: "Nothing is published.",
  publishedOn: (created: string) => `Published ${ago(created)}`,
  withdraw: "Withdraw",
  withdrawOf: (created: string) => `Withdraw the page of ${date(created)}`,
  withdrawTitle: "Withdraw this page?",
  withdrawText: "Its link stops working at once. Copies that somebody made stay with them.",
  withdrawn: "The page is no longer public.",

  // History
  noHistory: "Nothing has happened yet.",
  /** What somebody did with the session. `about`: a name, or a role in its words. */
  acts: {
    joined: (who: string, role: string) => `${who} joined: ${role.toLowerCase()}`,
    left: (who: string) => `${who} left`,
    removed: (who: string, about: string) => `${who} removed ${about}`,
    role: (who: string, about: string, role: string) => `${who} changed ${about}: ${role.toLowerCase()}`,
    owner: (who: string, about: string) => `${who} made ${about} the owner`,
    invited: (who: string, role: string) => `${who} made a link: ${role.toLowerCase()}`,
    withdrew: (who: string) => `${who} revoked a link`,
    published: (who: string) => `${who} published a page`,
    unpublished: (who: string) => `${who} withdrew a page`,
    other: (who: string, action: string) => `${who}: ${action}`,
  },

  // In the conversation
  typing: (names: readonly string[]) =>
    names.length > 3 ? `${people(names.length)} are writing` : `${list(names)} ${names.length === 1 ? "is" : "are"} writing`,
  came: (names: readonly string[]) => (names.length > 3 ? `${people(names.length)} joined.` : `${list(names)} joined.`),
  went: (names: readonly string[]) => (names.length > 3 ? `${people(names.length)} left.` : `${list(names)} left.`),
  readBy: (names: readonly string[]) => `Read by ${list(names)}`,
  stoppedBy: (name: string) => `Stopped by ${name}`,
  wasStoppedBy: (name: string) => `${name} stopped the reply.`,
  follow: "Show everybody this message",
  followHint: "Everybody’s page goes to this message",
  followed: (name: string) => `${name} shows everybody a message.`,
  youLead: "Everybody’s page goes to this message.",
  leadsYou: (name: string) => `${name} brought you here.`,
  react: "React",
  reactions: "Reactions",
  reactWith: { "👍": "Thumbs up", "❤️": "Heart", "😂": "Laughing", "🎉": "Party", "🤔": "Thinking", "👀": "Eyes" } as Readonly<
    Record<string, string>
  >,
  reactionOf: (name: string, count: number) => `${name}, ${number(count)}`,
  waitingOf: (place: number, name: string) => `${number(place)}. ${name}`,
  watching: "You can read this conversation, but not write in it.",
  askToSteer: "Ask to write",
  youAsked: "You asked to write. The owner sees it.",
  nowYou: {
    owner: "You are the owner now.",
    steer: "You can write now.",
    watch: "You can only read now.",
  },
  nothingSaid: "Nothing has been said yet",

  // Coming and going
  joinTitle: "You are invited",
  joinTo: (by: string) => `${by} invites you to`,
  joinAs: {
    owner: "You will own it.",
    steer: "You can read and write.",
    watch: "You can read, react, and ask to write.",
  },
  joinAsYourself: "You join with your account.",
  joinAsBefore: "You are a guest here already, and keep your name.",
  nickname: "Your name here",
  nicknameHint: "The others see it. Up to 32 characters.",
  join: "Join",
  linkExpires: (expires: string) => `The link expires ${ago(expires)}.`,
  looking: "Looking up the link",
  badLink: "This link does not work",
  badLinkText: "It has expired, was revoked, or was used up. Ask whoever sent it for a new one.",
  noLink: "This address has no link",
  noLinkText: "Open the whole link that you were sent. The part after the # belongs to it.",
  signInInstead: "Sign in to join with your account",
  removedTitle: "You are no longer in this conversation",
  removedText:
    "You left, its owner removed you, it was deleted, or your 30 days as a guest are over. To come back, ask for a link.",
  guestAs: (name: string) => `You are here as ${name}.`,
};
