/** Who else is in the session in sight, as its messages and the place where one writes see it. */

import { createContext, useCallback, useContext, useEffect, useRef, useSyncExternalStore } from "react";

import type { MessageAnswer } from "../../api/schema";
import type { Member, Person, Role } from "../../api/together";
import type { Gathering } from "../../stores/together";

interface Company {
  /** Null: a conversation that has no session yet. */
  gathering: Gathering | null;
  /** What whoever sits here may do, as long as the gathering does not know. */
  role: Role | undefined;
}

export const CompanyContext = createContext<Company>({ gathering: null, role: "owner" });

const never = (): (() => void) => () => undefined;
const NOBODY: readonly Member[] = [];

export function useGathering(): Gathering | null {
  return useContext(CompanyContext).gathering;
}

function useAbout<T>(read: (gathering: Gathering) => T, otherwise: T): T {
  const gathering = useGathering();
  return useSyncExternalStore(gathering?.subscribe ?? never, () => (gathering === null ? otherwise : read(gathering)));
}

/** What whoever sits here may do; undefined: not known yet. */
function useRole(): Role | undefined {
  const { role } = useContext(CompanyContext);
  return useAbout((gathering) => gathering.role, undefined) ?? role;
}

/** Whether they may send, stop and choose. */
export function useMaySteer(): boolean {
  const role = useRole();
  return role === "owner" || role === "steer";
}

/** Whether they may say this turn differently: their own. */
export function useMayEdit(turn: MessageAnswer): boolean {
  const maySteer = useMaySteer();
  const isShared = useIsShared();
  const me = useMe();
  const author = turn.author ?? null;
  return maySteer && (author === null ? !isShared : author.user_id === me?.user_id || me === undefined);
}

/** More than one person is in the session. */
export function useIsShared(): boolean {
  return useAbout((gathering) => gathering.isShared, false);
}

/** Whoever sits here; undefined where nobody else could be meant. */
export function useMe(): Member | undefined {
  return useAbout((gathering) => gathering.me, undefined);
}

/** Somebody as they are now; whoever left the session, as a message has them. Null: whoever sits here. */
export function usePerson(of: Person | null): Person | undefined {
  return useAbout((gathering) => (of === null ? gathering.me : gathering.member(of.user_id)), undefined) ?? of ?? undefined;
}

/** The others who read this message. */
export function useReaders(message: number): readonly Member[] {
  return useAbout((gathering) => gathering.readersOf(message), NOBODY);
}

/** Says what whoever sits here reads, as they scroll (null: to the end) and, while they are at the end, as messages come. */
export function useReading(newest: number | undefined): (message: number | null) => void {
  const gathering = useGathering();
  const isShared = useIsShared();
  const at = useRef<number | null>(null);
  useEffect(() => {
    if (isShared && at.current === null && newest !== undefined) gathering?.reads(newest);
  }, [gathering, isShared, newest]);
  return useCallback(
    (message) => {
      at.current = message;
      const read = message ?? newest;
      if (read !== undefined) gathering?.reads(read);
    },
    [gathering, newest],
  );
}
