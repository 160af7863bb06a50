/**
 * Where this browser is a guest: for each session, which guest, `s12` of the session itself or `r5` of a room. The gateway knows the guest
 * by a cookie; this says whether it is worth asking, and as whom the events are asked for. Knows no React.
 */

import type { Scope } from "../api/events";
import { keptName } from "../base";

/** Where it is kept that somebody was signed in here. */
export const SIGNED_IN = keptName("signed-in");

export const guests = {
  /** The gateway let somebody in as a guest, so the log-in of whoever was here before has ended. */
  endLogin(): void {
    localStorage.removeItem(SIGNED_IN);
  },
  /** Somebody came in as a guest. */
  enter(session: number, scope: Scope): void {
    this.endLogin();
    localStorage.setItem(key(session), scope);
  },
  /** Null: nobody is a guest of that session here. */
  scopeOf(session: number): Scope | null {
    const kept = localStorage.getItem(key(session));
    return isScope(kept) ? kept : null;
  },
  leave(session: number): void {
    localStorage.removeItem(key(session));
  },
};

function isScope(kept: string | null): kept is Scope {
  return kept !== null && /^[rs]\d+$/.test(kept);
}

function key(session: number): string {
  return keptName(`guest-${session}`);
}
