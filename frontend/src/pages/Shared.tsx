import { useQuery } from "@tanstack/react-query";
import { useCallback } from "react";

import { ApiError } from "../api/http";
import { sessionOf } from "../api/queries";
import { titleOf } from "../api/title";
import type { SessionSettings } from "../api/schema";
import { Viewer } from "../features/chat/Viewer";
import { guests } from "../stores/guests";
import { gatherings } from "../stores/together";
import { words } from "../words";
import { Conversation } from "./Conversation";
import { Removed } from "./Removed";

const NONE: SessionSettings = {};
const nothing = (): void => undefined;

/** The one conversation that a guest is in: no list, no settings. */
export function Shared({ session }: { session: number }) {
  const about = useQuery(sessionOf(session));
  const onLeft = useCallback(() => {
    guests.leave(session);
    gatherings.of(session).hear({ type: "removed", session_id: session });
  }, [session]);
  if (about.error instanceof ApiError && [401, 403, 404].includes(about.error.status)) return <Removed />;
  const title = about.data === undefined ? words.studio.untitled : titleOf(about.data);
  return (
    <div className="studio">
      <Conversation session={session} title={title} role={undefined} settings={NONE} onMade={nothing} onLeft={onLeft} />
      <Viewer />
    </div>
  );
}
