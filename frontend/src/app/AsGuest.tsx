import type { ReactNode } from "react";

import type { Scope } from "../api/events";
import { Boundary } from "../components/Boundary";
import { GuestContext } from "../components/guest";
import { ConversationsContext } from "../features/chat/streams";
import { RunsContext } from "../features/maze/runs";
import { NoticeList } from "../features/notices/NoticeList";
import { RoomEventsContext } from "../features/rooms/room";
import { useConversations } from "./events";
import { LinkLost } from "./LinkLost";

/** A page for a guest: with events and conversations, without the frame. Give it another key for another guest. */
export function AsGuest({ scope, children }: { scope: Scope; children: ReactNode }) {
  const { conversations, events } = useConversations(true, scope);
  return (
    <GuestContext value={scope}>
      <ConversationsContext value={conversations}>
        <RunsContext value={events}>
          <RoomEventsContext value={events}>{children}</RoomEventsContext>
        </RunsContext>
        <LinkLost events={events} />
        <Boundary fallback={null}>
          <NoticeList />
        </Boundary>
      </ConversationsContext>
    </GuestContext>
  );
}
