/** Who is signed in, as server data. */

import { queryOptions } from "@tanstack/react-query";

import { answered, api } from "../../api/http";

const KNOWN = "signed-in";

/** Whether somebody was signed in here; who was not need not be asked for, which would be an error in the console. */
export const signedIn = {
  get: (): boolean => localStorage.getItem(KNOWN) !== null,
  set: (is: boolean): void => {
    if (is) localStorage.setItem(KNOWN, "yes");
    else localStorage.removeItem(KNOWN);
  },
};

export const me = queryOptions({
  queryKey: ["me"],
  queryFn: () => answered(api.GET("/api/auth/me")),
  staleTime: 60_000,
});
