/** Whether somebody is signed in here, and how that ends. */

import { addressOf, isOurs, keptName } from "../../base";
import { answered, api } from "../../api/http";
import { pathOf } from "../../site";
import { deletions } from "../../stores/deletions";

const KNOWN = keptName("signed-in");
const PERSON = keptName("person");
const STAYS = keptName("preferences"); // of the device, not of the person

/** Whether somebody was signed in here; who was not need not be asked for, which would be an error in the console. */
export const signedIn = {
  get: (): boolean => localStorage.getItem(KNOWN) !== null,
  /** True where somebody else was here before: nothing of theirs is left, and the page must begin anew. */
  begin: (email: string): boolean => {
    const isOther = (localStorage.getItem(PERSON) ?? email) !== email;
    if (isOther) forget();
    localStorage.setItem(PERSON, email);
    localStorage.setItem(KNOWN, "yes");
    return isOther;
  },
  /** Another tab was signed out: this one is, too. */
  watch: (): void => {
    globalThis.addEventListener("storage", ({ key, newValue }) => {
      if (key === KNOWN && newValue === null) location.reload();
    });
  },
};

function forget(): void {
  for (const storage of [localStorage, sessionStorage]) {
    for (const key of Object.keys(storage)) if (isOurs(key) && key !== STAYS) storage.removeItem(key);
  }
}

export async function signOut(): Promise<void> {
  await deletions.flush();
  await answered(api.POST("/api/auth/logout"));
  leave();
}

/** Begins anew, so that nothing of this account stays here, neither in memory nor as a draft. */
export function leave(): void {
  forget();
  location.assign(addressOf(pathOf("signIn")));
}
