/** Whether somebody is signed in here, and how that ends. */

import { addressOf, isOurs, keptName } from "../../base";
import { answered, api } from "../../api/http";
import { pathOf } from "../../site";
import { deletions } from "../../stores/deletions";
import { SIGNED_IN } from "../../stores/guests";

const PERSON = keptName("person");
const STAYS = keptName("preferences"); // of the device, not of the person
let isLeaving = false;

/** Whether somebody was signed in here; who was not need not be asked for, which would be an error in the console. */
export const signedIn = {
  get: (): boolean => isLeaving || localStorage.getItem(SIGNED_IN) !== null,
  isLeaving: (): boolean => isLeaving,
  /** True where somebody else was here before: nothing of theirs is left, and the page must begin anew. */
  begin: (email: string): boolean => {
    const isOther = (localStorage.getItem(PERSON) ?? email) !== email;
    if (isOther) forget();
    localStorage.setItem(PERSON, email);
    localStorage.setItem(SIGNED_IN, "yes");
    return isOther;
  },
  /** Another tab was signed out: this one is, too. And "Back" never shows a page that somebody has left. */
  watch: (): void => {
    globalThis.addEventListener("storage", ({ key, newValue }) => {
      if (key !== SIGNED_IN || newValue !== null) return;
      forgetIn(sessionStorage); // which only this tab sees
      location.reload();
    });
    globalThis.addEventListener("pageshow", ({ persisted }) => {
      if (persisted && isLeaving) location.reload();
    });
  },
};

function forget(): void {
  for (const storage of [localStorage, sessionStorage]) forgetIn(storage);
}

function forgetIn(storage: Storage): void {
  for (const key of Object.keys(storage)) if (isOurs(key) && key !== STAYS) storage.removeItem(key);
}

export async function signOut(): Promise<void> {
  await deletions.flush();
  await leave(() => answered(api.POST("/api/auth/logout")));
}

/**
 * Ends the log-in or the account with `end`, then begins anew, so that nothing of this account stays here, neither in
 * memory nor as a draft. One move: until then the page stays as it is, though requests may be refused already.
 */
export async function leave(end: () => Promise<unknown>): Promise<void> {
  isLeaving = true;
  try {
    await end();
  } catch (error) {
    isLeaving = false;
    throw error;
  }
  forget();
  location.assign(addressOf(pathOf("signIn")));
}
