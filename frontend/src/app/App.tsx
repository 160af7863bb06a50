import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, type ReactNode } from "react";
import { Redirect, Route, Switch, useLocation, useRoute } from "wouter";

import { ApiError } from "../api/http";
import { me } from "../api/queries";
import { Boundary, Panel } from "../components/Boundary";
import { signedIn } from "../features/account/account";
import { ownPath } from "../features/account/destination";
import { SignIn } from "../features/account/SignIn";
import { ConversationsContext } from "../features/chat/streams";
import { RunsContext } from "../features/maze/runs";
import { NoticeList } from "../features/notices/NoticeList";
import { Keyboard } from "../features/palette/Keyboard";
import { RoomEventsContext } from "../features/rooms/room";
import { Join } from "../pages/Join";
import { NotFound } from "../pages/NotFound";
import { Offline } from "../pages/Offline";
import { Shared } from "../pages/Shared";
import { Studio } from "../pages/Studio";
import { pagesFor, pathOf, roomPath, type PageName } from "../site";
import { guests } from "../stores/guests";
import { AsGuest } from "./AsGuest";
import { useConversations } from "./events";
import { Frame } from "./Frame";
import { LinkLost } from "./LinkLost";
import { Navigation } from "./Navigation";

const Templates = lazy(() => import("../pages/Templates").then(({ Templates }) => ({ default: Templates })));
const Maze = lazy(() => import("../pages/Maze").then(({ Maze }) => ({ default: Maze })));
const Lab = lazy(() => import("../pages/Lab").then(({ Lab }) => ({ default: Lab })));
const Rooms = lazy(() => import("../pages/Rooms").then(({ Rooms }) => ({ default: Rooms })));
const JoinRoom = lazy(() => import("../pages/JoinRoom").then(({ JoinRoomPage }) => ({ default: JoinRoomPage })));
const Usage = lazy(() => import("../pages/Usage").then(({ Usage }) => ({ default: Usage })));
const Settings = lazy(() => import("../pages/Settings").then(({ Settings }) => ({ default: Settings })));
const Admin = lazy(() => import("../pages/Admin").then(({ Admin }) => ({ default: Admin })));

/** Each page by its name; `id` is what stands in the address behind it. */
const PAGES: Record<PageName, (id: string | undefined) => ReactNode> = {
  signIn: () => <SignIn />,
  join: () => <Join />,
  studio: (id) => {
    if (id === undefined) return <Studio session={null} />;
    return isNumber(id) ? <Studio session={Number(id)} /> : <NotFound />;
  },
  templates: (id) => <Templates chosen={id ?? null} />,
  maze: (id) => {
    if (id === undefined) return <Maze game={null} />;
    return isNumber(id) ? <Maze game={Number(id)} /> : <NotFound />;
  },
  lab: (id) => <Lab part={id ?? null} />,
  rooms: (id) => <Rooms part={id ?? null} />,
  usage: () => <Usage />,
  settings: () => <Settings />,
  admin: () => <Admin />,
};

function isNumber(id: string): boolean {
  return /^\d{1,9}$/.test(id);
}

/** Who is not signed in is led to the sign-in page, and back to where they wanted to go. */
export function App() {
  const [path] = useLocation();
  const account = useQuery({ ...me, enabled: signedIn.get() });
  const { conversations, events } = useConversations(account.data !== undefined);
  const [, of] = useRoute<{ id: string }>("/c/:id");
  const session = of?.id ?? "";
  const scope = isNumber(session) ? guests.scopeOf(Number(session)) : null;
  const [isRoom, room] = useRoute("/rooms/:id");
  if (path === pathOf("signIn")) return PAGES.signIn(undefined);
  if (path === pathOf("join")) return PAGES.join(undefined);
  if (path === roomPath("join")) {
    return (
      <Suspense fallback={null}>
        <JoinRoom />
      </Suspense>
    );
  }
  if (scope !== null && !signedIn.get()) {
    return (
      <AsGuest key={session} scope={scope}>
        <Panel part="page" of={path}>
          <Shared session={Number(session)} />
        </Panel>
      </AsGuest>
    );
  }
  if (!signedIn.get() && isRoom && isNumber(room.id)) {
    return (
      <AsGuest key={room.id} scope={`r${Number(room.id)}`}>
        <Panel part="page" of={path}>
          <Suspense fallback={null}>
            <Rooms part={room.id} />
          </Suspense>
        </Panel>
      </AsGuest>
    );
  }
  const isRefused = account.error instanceof ApiError && account.error.status === 401;
  if (!signedIn.get() || (isRefused && !signedIn.isLeaving())) {
    return <Redirect to={`${pathOf("signIn")}?to=${encodeURIComponent(ownPath(path))}`} replace />;
  }
  if (account.isPending) return null;
  if (account.data === undefined) return <Offline problem={account.error} retry={() => void account.refetch()} />;
  const isAdmin = account.data.is_admin;
  return (
    <ConversationsContext value={conversations}>
      <RunsContext value={events}>
        <RoomEventsContext value={events}>
          <Frame>
            <Panel part="page" of={path}>
              <Suspense fallback={null}>
                <Switch>
                  {pagesFor({ isAdmin }).flatMap(({ name, path, below }) =>
                    // The key is the page's: it stays as it is when only the address behind it changes.
                    [path, ...(below === undefined ? [] : [below])].map((pattern) => (
                      <Route key={name} path={pattern}>
                        {({ id }: { id?: string }) => PAGES[name](id)}
                      </Route>
                    )),
                  )}
                  <Route component={NotFound} />
                </Switch>
              </Suspense>
            </Panel>
          </Frame>
        </RoomEventsContext>
      </RunsContext>
      <Navigation isAdmin={isAdmin} opensRooms={account.data.may_open_rooms} />
      <LinkLost events={events} />
      <Panel part="commands">
        <Keyboard />
      </Panel>
      <Boundary fallback={null}>
        <NoticeList />
      </Boundary>
    </ConversationsContext>
  );
}
