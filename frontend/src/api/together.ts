/** The people of a session: who they are, what they do, how they come, and what of it is published. Knows no store. The functions throw ApiError. */

import { answered, api } from "./http";
import type { AcceptAnswer, AuditAnswer, AuthorAnswer, InvitationAnswer, InvitedAnswer, MadeInvitation } from "./schema";
import type {
  MadePublication,
  MemberAnswer,
  NewInvitation,
  NewRole,
  PublicationAnswer,
  PublicationChoices,
  ReactionAnswer,
} from "./schema";

export type { AuditAnswer as AuditEntry, InvitedAnswer as Invited, MemberAnswer as Member, NewInvitation } from "./schema";

/** Somebody as a message names them. */
export type Person = AuthorAnswer;
export type Role = MemberAnswer["role"];
/** What a member may be allowed; a session has one owner. */
export type Granted = NewRole["role"];
export type Presence = MemberAnswer["presence"];

/** What a publication holds besides the text of the branch in sight. */
export type Contents = PublicationChoices;

const SESSION = "/api/chatbot/sessions/{session_id}";

function at(session: number) {
  return { params: { path: { session_id: session } } };
}

function member(session: number, user: number) {
  return { params: { path: { session_id: session, user_id: user } } };
}

export const together = {
  members: async (session: number): Promise<MemberAnswer[]> => (await answered(api.GET(`${SESSION}/members`, at(session)))).members,
  setRole: (session: number, user: number, role: Granted): Promise<void> =>
    answered(api.PATCH(`${SESSION}/members/{user_id}`, { ...member(session, user), body: { role } })),
  /** Takes somebody out, or leaves. */
  remove: (session: number, user: number): Promise<void> =>
    answered(api.DELETE(`${SESSION}/members/{user_id}`, member(session, user))),
  handOver: (session: number, user: number): Promise<void> =>
    answered(api.POST(`${SESSION}/members/{user_id}/owner`, member(session, user))),
  typing: (session: number): Promise<void> => answered(api.POST(`${SESSION}/typing`, at(session))),
  reading: (session: number, message: number): Promise<void> =>
    answered(api.POST(`${SESSION}/reading`, { ...at(session), body: { message_id: message } })),
  askToSteer: (session: number): Promise<void> => answered(api.POST(`${SESSION}/steer-request`, at(session))),
  follow: (session: number, message: number): Promise<void> =>
    answered(api.POST(`${SESSION}/follow`, { ...at(session), body: { message_id: message } })),
  async react(session: number, message: number, emoji: string, isOn: boolean): Promise<void> {
    const path = { session_id: session, message_id: message, emoji };
    const address = `${SESSION}/messages/{message_id}/reactions/{emoji}` as const;
    await answered(isOn ? api.PUT(address, { params: { path } }) : api.DELETE(address, { params: { path } }));
  },

  invitations: (session: number): Promise<InvitationAnswer[]> => answered(api.GET(`${SESSION}/invitations`, at(session))),
  invite: (session: number, body: NewInvitation): Promise<MadeInvitation> =>
    answered(api.POST(`${SESSION}/invitations`, { ...at(session), body })),
  revokeInvitation: (session: number, id: number): Promise<void> =>
    answered(
      api.DELETE(`${SESSION}/invitations/{invitation_id}`, { params: { path: { session_id: session, invitation_id: id } } }),
    ),
  audit: (session: number): Promise<AuditAnswer[]> => answered(api.GET(`${SESSION}/audit`, at(session))),

  look: (secret: string): Promise<InvitedAnswer> => answered(api.POST("/api/invitations/look", { body: { secret } })),
  accept: (secret: string, nickname: string | null): Promise<AcceptAnswer> =>
    answered(api.POST("/api/invitations/accept", { body: { secret, nickname } })),

  publish: (session: number, body: Contents): Promise<MadePublication> =>
    answered(api.POST(`${SESSION}/publications`, { ...at(session), body })),
  publications: (session: number): Promise<PublicationAnswer[]> => answered(api.GET(`${SESSION}/publications`, at(session))),
  withdraw: (session: number, id: number): Promise<void> =>
    answered(
      api.DELETE(`${SESSION}/publications/{publication_id}`, { params: { path: { session_id: session, publication_id: id } } }),
    ),
};

/** Where a publication is downloaded as one file, and where it is seen before it is one. */
export function publicationPath(session: number, kind: "file" | "preview/page", contents: Contents): string {
  const asked = new URLSearchParams(Object.entries(contents).map(([part, isIn]) => [part, String(isIn)]));
  return `/api/chatbot/sessions/${session}/publications/${kind}?${asked.toString()}`;
}

/** The message as it is once whoever sits here has put a sign on it, or taken it away. */
export function reacted<M extends { reactions: readonly ReactionAnswer[] }>(message: M, emoji: string, isOn: boolean): M {
  const before = message.reactions;
  const others = before.map((one) =>
    one.emoji === emoji ? { ...one, count: one.count + Number(isOn) - Number(one.mine), mine: isOn } : one,
  );
  const isNew = isOn && !before.some((one) => one.emoji === emoji);
  const reactions = [...others.filter(({ count }) => count > 0), ...(isNew ? [{ emoji, count: 1, mine: true }] : [])];
  return { ...message, reactions };
}
