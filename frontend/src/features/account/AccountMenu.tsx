import { useMutation, useQuery } from "@tanstack/react-query";

import { answered, api } from "../../api/http";
import { me, signedIn } from "./account";

export function AccountMenu() {
  const account = useQuery(me);
  const leave = useMutation({
    mutationFn: () => answered(api.POST("/api/auth/logout")),
    onSuccess: () => {
      signedIn.set(false);
      location.assign("/sign-in"); // anew, so that nothing of this account stays in memory
    },
  });
  return (
    <div className="account">
      <span className="title">{account.data?.email}</span>
      <button type="button" className="quiet" onClick={() => leave.mutate()}>
        Sign out
      </button>
    </div>
  );
}
