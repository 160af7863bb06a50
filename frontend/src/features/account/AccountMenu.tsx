import { useMutation, useQuery } from "@tanstack/react-query";
import { ChartColumn, FlaskConical, LayoutTemplate, Settings, ShieldCheck, Users, Waypoints, type LucideIcon } from "lucide-react";
import { Link, useLocation } from "wouter";

import { me } from "../../api/queries";
import { namedPages, type PageName } from "../../site";
import { words } from "../../words";
import { signOut } from "./account";

const ICONS: Partial<Record<PageName, LucideIcon>> = {
  templates: LayoutTemplate,
  maze: Waypoints,
  lab: FlaskConical,
  rooms: Users,
  usage: ChartColumn,
  settings: Settings,
  admin: ShieldCheck,
};

/** The other pages, and who is here. */
export function AccountMenu({ onChosen }: { onChosen: () => void }) {
  const [here] = useLocation();
  const account = useQuery(me);
  const leave = useMutation({ mutationFn: signOut });
  const opensRooms = account.data?.may_open_rooms === true;
  const pages = namedPages({ isAdmin: account.data?.is_admin === true, opensRooms }).filter(({ name }) => name !== "studio");
  return (
    <div className="account">
      <nav aria-label={words.navigation.label}>
        {pages.map(({ name, path, title }) => {
          const Icon = ICONS[name];
          return (
            <Link
              key={name}
              href={path}
              aria-current={here === path || here.startsWith(`${path}/`) ? "page" : undefined}
              onClick={onChosen}
            >
              {Icon && <Icon aria-hidden />}
              {title}
            </Link>
          );
        })}
      </nav>
      <div>
        <span className="title" dir="auto" title={account.data?.email}>
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
