import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { ApiError } from "../api/http";
import { me } from "../api/queries";
import { refresh } from "../api/refresh";
import { signedIn } from "../features/account/account";
import { preferences } from "../stores/preferences";
import "../styles/index.css";
import { words } from "../words";
import { App } from "./App";
import { Boundary } from "../components/Boundary";
import { Broken } from "../pages/Broken";

/** A log-in that ended elsewhere is noticed by whatever is asked next. */
function noticeSignOut(error: Error): void {
  if (error instanceof ApiError && error.status === 401) void refresh(queries, me.queryKey);
}

const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: (error, query) => query.queryKey[0] !== "me" && noticeSignOut(error) }),
  mutationCache: new MutationCache({ onError: noticeSignOut }),
  defaultOptions: {
    mutations: { networkMode: "always" }, // the gateway may be on this machine, whatever the network does
    queries: {
      networkMode: "always",
      staleTime: 5_000,
      retry: (failures, error) => failures < 3 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
    },
  },
});

const root = document.getElementById("root");
if (root === null) throw new Error("the page has no root");
document.documentElement.lang = words.language;
preferences.apply();
signedIn.watch();
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <Boundary fallback={<Broken />}>
        <App />
      </Boundary>
    </QueryClientProvider>
  </StrictMode>,
);
