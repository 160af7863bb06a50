import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { answered, api } from "../../api/http";
import { refresh } from "../../api/refresh";
import { Problem } from "../../components/Problem";
import { words } from "../../words";
import { device } from "./device";

const logins = queryOptions({ queryKey: ["logins"], queryFn: () => answered(api.GET("/api/auth/tokens")) });

/** Where this account is signed in; each place can be signed out from here. */
export function Devices() {
  const queries = useQueryClient();
  const all = useQuery(logins);
  const end = useMutation({
    mutationFn: (id: number) => answered(api.DELETE("/api/auth/tokens/{token_id}", { params: { path: { token_id: id } } })),
    onSettled: () => refresh(queries, logins.queryKey),
  });
  return (
    <section>
      <h2>{words.settings.devices}</h2>
      <Problem of={all.error ?? end.error} />
      <ul className="cards">
        {all.data?.map((login) => (
          <li key={login.id}>
            <span>
              <span title={login.device ?? undefined}>{device(login.device)}</span>
              {login.current && <strong> {words.settings.thisDevice}</strong>}
              <span className="muted">{words.settings.deviceUse(login.last_used_at, login.expires_at)}</span>
            </span>
            {!login.current && (
              <button type="button" disabled={end.isPending} onClick={() => end.mutate(login.id)}>
                {words.common.signOut}
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
