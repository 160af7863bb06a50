import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";

import { ApiError } from "../api/http";
import { me, signedIn } from "../features/account/account";
import { SignIn } from "../features/account/SignIn";
import { LiveStreamsContext } from "../features/chat/streams";
import { NotFound } from "../pages/NotFound";
import { Studio } from "../pages/Studio";
import { LiveStreams } from "../stores/live-streams";

/** Who is not signed in is led to the sign-in page, and back to where they wanted to go. */
export function App() {
  const [path] = useLocation();
  const account = useQuery({ ...me, enabled: signedIn.get() });
  const [streams] = useState(() => new LiveStreams());
  if (path === "/sign-in") return <SignIn />;
  if (!signedIn.get() || (account.error instanceof ApiError && account.error.status === 401)) {
    return <Redirect to={`/sign-in?to=${encodeURIComponent(path)}`} replace />;
  }
  if (account.isPending) return null;
  if (account.data === undefined) return <Offline problem={account.error} retry={() => void account.refetch()} />;
  return (
    <LiveStreamsContext value={streams}>
    <Switch>
      <Route path="/">{() => <Studio session={null} />}</Route>
      <Route path="/c/:id">{({ id }) => (/^\d{1,9}$/.test(id) ? <Studio session={Number(id)} /> : <NotFound />)}</Route>
      <Route>
        <NotFound />
      </Route>
    </Switch>
    </LiveStreamsContext>
  );
}

function Offline({ problem, retry }: { problem: Error; retry: () => void }) {
  return (
    <main className="centred">
      <h1>LAM Studio is not there</h1>
      <p>{problem.message}</p>
      <button type="button" className="primary" onClick={retry}>
        Try again
      </button>
    </main>
  );
}
