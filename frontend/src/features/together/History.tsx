import { useQuery } from "@tanstack/react-query";

import type { AuditEntry, Role } from "../../api/together";
import { Problem } from "../../components/Problem";
import { words } from "../../words";
import { auditOf } from "./together";

/** What was done about the people of a session, the newest first. */
export function History({ session }: { session: number }) {
  const all = useQuery(auditOf(session));
  return (
    <>
      <Problem of={all.error} />
      {all.data?.length === 0 && <p className="muted">{words.together.noHistory}</p>}
      <ul className="cards history">
        {all.data?.map((entry, at) => (
          <li key={at}>
            <span>{said(entry)}</span>
            <time className="muted" dateTime={entry.created_at} title={words.format.moment(entry.created_at)}>
              {words.format.when(entry.created_at)}
            </time>
          </li>
        ))}
      </ul>
    </>
  );
}

function said({ action, by, detail }: AuditEntry): string {
  const { acts, roles, someone } = words.together;
  const who = by ?? someone;
  const about = typeof detail["name"] === "string" ? detail["name"] : someone;
  const named = typeof detail["role"] === "string" ? detail["role"] : "";
  const role = Object.hasOwn(roles, named) ? roles[named as Role] : named;
  switch (action) {
    case "joined":
    case "invited":
      return acts[action](who, role);
    case "role":
      return acts.role(who, about, role);
    case "removed":
    case "owner":
      return acts[action](who, about);
    case "left":
    case "withdrew":
    case "published":
    case "unpublished":
      return acts[action](who);
    default:
      return acts.other(who, action);
  }
}
