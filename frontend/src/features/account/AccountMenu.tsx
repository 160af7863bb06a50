import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useLocation } from "wouter";

import { answered, api } from "../../api/http";
import { me } from "./account";

export function AccountMenu() {
  const account = useQuery(me);
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const leave = useMutation({
    mutationFn: () => answered(api.POST("/api/auth/logout")),
    onSuccess: () => {
      queries.clear();
      navigate("/sign-in");
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
