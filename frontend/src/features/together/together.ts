/** The links, pages and history of a session as server data, and what changes them. */

import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";

import { refresh } from "../../api/refresh";
import { together, type Contents, type Granted, type NewInvitation } from "../../api/together";
import type { Gathering } from "../../stores/together";

export function invitationList(session: number) {
  return queryOptions({ queryKey: ["together", session, "invitations"], queryFn: () => together.invitations(session) });
}

export function publicationList(session: number) {
  return queryOptions({ queryKey: ["together", session, "publications"], queryFn: () => together.publications(session) });
}

export function auditOf(session: number) {
  return queryOptions({ queryKey: ["together", session, "audit"], queryFn: () => together.audit(session), staleTime: 0 });
}

/** Something that is done with a session; what is in sight of its links, pages and history is read again. */
function useDone<V, R = void>(session: number, does: (value: V) => Promise<R>) {
  const queries = useQueryClient();
  return useMutation({ mutationFn: does, onSettled: () => refresh(queries, ["together", session]) });
}

export const useInvite = (session: number) => useDone(session, (link: NewInvitation) => together.invite(session, link));
export const useRevoke = (session: number) => useDone(session, (id: number) => together.revokeInvitation(session, id));
export const usePublish = (session: number) => useDone(session, (contents: Contents) => together.publish(session, contents));
export const useWithdraw = (session: number) => useDone(session, (id: number) => together.withdraw(session, id));
export const useSetRole = (session: number) =>
  useDone(session, ({ user, role }: { user: number; role: Granted }) => together.setRole(session, user, role));
export const useRemove = (session: number) => useDone(session, (user: number) => together.remove(session, user));
export const useHandOver = (session: number) => useDone(session, (user: number) => together.handOver(session, user));

/** Something about who is there, as it is now; the same object until it changes. */
export function useGathered<T>(gathering: Gathering, read: (gathering: Gathering) => T): T {
  return useSyncExternalStore(gathering.subscribe, () => read(gathering));
}
