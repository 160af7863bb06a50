import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { me } from "../../api/queries";
import { signOut } from "./account";

/** The other pages, and who is here. */
export function AccountMenu() {
  const account = useQuery(me);
  const leave = useMutation({ mutationFn: signOut });
  const pages = ["Templates", "Usage", "Settings", ...(account.data?.is_admin ? ["Admin"] : [])];
  return (
    <div className="account">
      <nav aria-label="Pages">
        {pages.map((name) => (
          <Link key={name} href={`/${name.toLowerCase()}`}>
            {name}
          </Link>
        ))}
      </nav>
      <div>
        <span className="title" title={account.data?.email}>
          {account.data?.email}
        </span>
        <button type="button" className="quiet" disabled={leave.isPending} onClick={() => leave.mutate()}>
          Sign out
        </button>
      </div>
      {leave.error && <p className="problem">{leave.error.message}</p>}
    </div>
  );
}
