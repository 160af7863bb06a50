import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { me } from "../../api/queries";
import { pagesFor } from "../../site";
import { words } from "../../words";
import { signOut } from "./account";

/** The other pages, and who is here. */
export function AccountMenu() {
  const account = useQuery(me);
  const leave = useMutation({ mutationFn: signOut });
  const pages = pagesFor({ isAdmin: account.data?.is_admin === true }).filter(({ name }) => name !== "studio");
  return (
    <div className="account">
      <nav aria-label={words.navigation.label}>
        {pages.map(({ name, path, title }) => (
          <Link key={name} href={path}>
            {title}
          </Link>
        ))}
      </nav>
      <div>
        <span className="title" title={account.data?.email}>
          {account.data?.email}
        </span>
        <button type="button" className="quiet" disabled={leave.isPending} onClick={() => leave.mutate()}>
          {words.common.signOut}
        </button>
      </div>
      {leave.error && <p className="problem">{leave.error.message}</p>}
    </div>
  );
}
