/** Whether somebody is signed in here, and how that ends. */

import { answered, api } from "../../api/http";

const KNOWN = "signed-in";
const STAYS = "preferences"; // of the device, not of the person

/** Whether somebody was signed in here; who was not need not be asked for, which would be an error in the console. */
export const signedIn = {
  get: (): boolean => localStorage.getItem(KNOWN) !== null,
  set: (is: boolean): void => {
    if (is) localStorage.setItem(KNOWN, "yes");
    else localStorage.removeItem(KNOWN);
  },
};

export async function signOut(): Promise<void> {
  await answered(api.POST("/api/auth/logout"));
  leave();
}

/** Begins anew, so that nothing of this account stays here, neither in memory nor as a draft. */
export function leave(): void {
  for (const key of Object.keys(localStorage)) {
    if (key !== STAYS) localStorage.removeItem(key);
  }
  location.assign("/sign-in");
}
