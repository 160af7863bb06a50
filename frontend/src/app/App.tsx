import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";

import { ApiError } from "../api/http";
import { me } from "../api/queries";
import { Boundary, Panel } from "../components/Boundary";
import { signedIn } from "../features/account/account";
import { ownPath } from "../features/account/destination";
import { SignIn } from "../features/account/SignIn";
import { LiveStreamsContext } from "../features/chat/streams";
import { NoticeList } from "../features/notices/NoticeList";
import { Keyboard } from "../features/palette/Keyboard";
import { NotFound } from "../pages/NotFound";
import { Offline } from "../pages/Offline";
import { Studio } from "../pages/Studio";
import { LiveStreams } from "../stores/live-streams";
import { Navigation } from "./Navigation";

const Templates = lazy(() => import("../pages/Templates").then(({ Templates }) => ({ default: Templates })));
const Usage = lazy(() => import("../pages/Usage").then(({ Usage }) => ({ default: Usage })));
const Settings = lazy(() => import("../pages/Settings").then(({ Settings }) => ({ default: Settings })));
const Admin = lazy(() => import("../pages/Admin").then(({ Admin }) => ({ default: Admin })));

/** Who is not signed in is led to the sign-in page, and back to where they wanted to go. */
export function App() {
  const [path] = useLocation();
  const account = useQuery({ ...me, enabled: signedIn.get() });
  const [streams] = useState(() => new LiveStreams());
  if (path === "/sign-in") return <SignIn />;
  if (!signedIn.get() || (account.error instanceof ApiError && account.error.status === 401)) {
    return <Redirect to={`/sign-in?to=${encodeURIComponent(ownPath(path))}`} replace />;
  }
  if (account.isPending) return null;
  if (account.data === undefined) return <Offline problem={account.error} retry={() => void account.refetch()} />;
  return (
    <LiveStreamsContext value={streams}>
      <Panel name="this page" of={path}>
        <Suspense fallback={null}>
          <Switch>
            <Route path="/">{() => <Studio session={null} />}</Route>
            <Route path="/c/:id">{({ id }) => (/^\d{1,9}$/.test(id) ? <Studio session={Number(id)} /> : <NotFound />)}</Route>
            <Route path="/templates">{() => <Templates chosen={null} />}</Route>
            <Route path="/templates/:id">{({ id }) => <Templates chosen={id} />}</Route>
            <Route path="/usage" component={Usage} />
            <Route path="/settings" component={Settings} />
            {account.data.is_admin && <Route path="/admin" component={Admin} />}
            <Route component={NotFound} />
          </Switch>
        </Suspense>
      </Panel>
      <Navigation isAdmin={account.data.is_admin} />
      <Panel name="the list of commands">
        <Keyboard />
      </Panel>
      <Boundary fallback={null}>
        <NoticeList />
      </Boundary>
    </LiveStreamsContext>
  );
}
