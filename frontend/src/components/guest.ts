import { createContext, useContext } from "react";

import type { Scope } from "../api/events";

/** Which guest looks at this part of the page; null: somebody who is signed in. A guest has one session or room, and nothing else of the studio. */
export const GuestContext = createContext<Scope | null>(null);

export function useIsGuest(): boolean {
  return useContext(GuestContext) !== null;
}

/** The room whose guest sees this part of the page, null for anybody else. */
export function useRoomOfGuest(): number | null {
  const scope = useContext(GuestContext);
  return scope?.startsWith("r") ? Number(scope.slice(1)) : null;
}

/** Whether files may be attached: rooms keep the files of their guests, shared sessions do not. */
export function useTakesFiles(): boolean {
  const room = useRoomOfGuest();
  return !useIsGuest() || room !== null;
}
