import { useQuery } from "@tanstack/react-query";
import { useMemo, useSyncExternalStore } from "react";
import { Link, Redirect, useLocation } from "wouter";

import { messageList } from "../features/chat/messages";
import { Composer } from "../features/chat/Composer";
import { useSessionActions } from "../features/chat/session-actions";
import { useInSight, useLiveReply } from "../features/chat/streams";
import { Thread } from "../features/chat/Thread";
import { beginEdit } from "../features/chat/Turn";
import { Viewer } from "../features/chat/Viewer";
import { isGone, roomList, type Room } from "../api/rooms";
import type { MessageAnswer, SessionSettings } from "../api/schema";
import { Panel } from "../components/Boundary";
import { useIsGuest } from "../components/guest";
import { ListButton } from "../components/frame";
import { Page } from "../components/Page";
import { Problem } from "../components/Problem";
import { Title } from "../components/Title";
import { MazeTask } from "../features/maze/Task";
import { useHold } from "../features/rooms/Notes";
import { OwnRoom } from "../features/rooms/OwnRoom";
import { useAbout, useRoom } from "../features/rooms/room";
import { RoomForm } from "../features/rooms/RoomForm";
import { RoomList } from "../features/rooms/RoomList";
import { RoomModel } from "../features/rooms/RoomModel";
import { OwnName, TimeLeft, Visit } from "../features/rooms/Visit";
import { pathOf, roomPath } from "../site";
import type { RoomView } from "../stores/rooms";
import { words } from "../words";
import { NotFound } from "./NotFound";

const NO_MESSAGES: MessageAnswer[] = [];
const NO_SETTINGS: SessionSettings = {};

/** Rooms for a class or an event. `part`: a room's number, `new`, or null for all of one's own. */
export function Rooms({ part }: { part: string | null }) {
  if (part === null) return <All />;
  if (part === "new") return <New />;
  return /^\d{1,9}$/.test(part) ? <One key={part} id={Number(part)} /> : <NotFound />;
}

function All() {
  const all = useQuery(roomList);
  if (isGone(all.error)) return <NotFound />;
  const open = (
    <Link href={roomPath("new")} className="button primary">
      {words.rooms.new}
    </Link>
  );
  return (
    <Page name="rooms" aside={open}>
      <RoomList />
    </Page>
  );
}

function New() {
  const [, navigate] = useLocation();
  return (
    <Page name="rooms" title={words.rooms.new} back={{ href: pathOf("rooms"), label: words.rooms.all }}>
      <RoomForm onOpened={(id) => navigate(roomPath(id))} />
    </Page>
  );
}

function One({ id }: { id: number }) {
  const view = useRoom(id);
  const room = useAbout(view);
  const isOver = useSyncExternalStore(view.subscribe, () => view.isGone);
  const problem = useSyncExternalStore(view.subscribe, () => view.problem);
  const isGuest = useIsGuest();
  if (isOver) {
    if (room?.role === "owner") return <Redirect to={pathOf("rooms")} replace />;
    return isGuest || room !== null ? <Over isRemoved={view.isRemoved} /> : <NotFound />;
  }
  if (room === null) {
    return (
      <main className="centred">
        <ListButton />
        <Problem of={problem} />
      </main>
    );
  }
  if (room.role === "owner") {
    return (
      <Page name="rooms" title={room.title} back={{ href: pathOf("rooms"), label: words.rooms.all }} isWide>
        <OwnRoom view={view} room={room} />
      </Page>
    );
  }
  return <Participant view={view} room={room} session={room.session_id ?? 0} />;
}

/** The one session of a participant. */
function Participant({ view, room, session }: { view: RoomView; room: Room; session: number }) {
  const messages = useQuery(messageList(session));
  const live = useLiveReply(session);
  const nothing = useMemo(() => () => undefined, []);
  const actions = useSessionActions(session, NO_SETTINGS, nothing);
  const held = useHold(view);
  const lastTurn = messages.data?.findLast(({ role }) => role === "user");
  const isEmpty = live === undefined && messages.data?.length === 0;
  useInSight(session);
  return (
    <div className="studio">
      <Title>{room.title}</Title>
      <main className="middle room">
        <header>
          {!useIsGuest() && <ListButton />}
          <h1 className="title" dir="auto">
            {room.title}
          </h1>
          <RoomModel room={room} session={session} />
          <TimeLeft until={room.ends_at} />
          <OwnName view={view} />
        </header>
        <Visit view={view} room={room} maze={room.task?.kind === "maze" ? <MazeTask set={room.task.set} /> : null}>
          {isEmpty ? (
            <h2 className="welcome">{words.studio.welcome}</h2>
          ) : (
            <Panel key={`thread ${session}`} part="conversation" of={messages.data}>
              <Thread
                session={session}
                messages={messages.data ?? NO_MESSAGES}
                live={live}
                actions={actions}
                sought={null}
                onSought={nothing}
                blind={null}
              />
            </Panel>
          )}
          <Problem of={messages.error} />
          <Panel key={`composer ${session}`} part="composer">
            <Composer
              session={session}
              live={live}
              messages={messages.data ?? NO_MESSAGES}
              actions={actions}
              onEditLast={() => lastTurn && beginEdit(lastTurn)}
              blind={null}
              held={held}
            />
          </Panel>
        </Visit>
      </main>
      <Viewer />
    </div>
  );
}

/** The room has ended, or its owner removed whoever sits here. */
function Over({ isRemoved }: { isRemoved: boolean }) {
  const say = words.rooms.visit;
  const title = isRemoved ? say.removed : say.over;
  return (
    <main className="centred">
      {!useIsGuest() && <ListButton />}
      <Title>{title}</Title>
      <h1>{title}</h1>
      <p>{isRemoved ? say.removedText : say.overText}</p>
      <Link href={roomPath("join")}>{say.joinAnother}</Link>
    </main>
  );
}
