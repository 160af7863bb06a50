/** Who is signed in, as server data. */

import { queryOptions } from "@tanstack/react-query";

import { answered, api } from "../../api/http";

export const me = queryOptions({
  queryKey: ["me"],
  queryFn: () => answered(api.GET("/api/auth/me")),
  staleTime: 60_000,
});
