import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Router } from "wouter";

import { addressOf, base, isBelowBase } from "../base";
import { ApiError } from "../api/http";
import { me } from "../api/queries";
import { refresh } from "../api/refresh";
import { copySelection } from "../components/markdown/copying";
import { keepPresses } from "../components/presses";
import { signedIn } from "../features/account/account";
import { preferences } from "../stores/preferences";
import "../styles/index.css";
import { notices } from "../stores/notices";
import { speak, words } from "../words";
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
const page = createRoot(root);
preferences.apply();
signedIn.watch();
document.addEventListener("copy", copySelection);
keepPresses(document);

/** Draws the page in the language that was chosen; in another one, everything anew. */
async function draw(): Promise<void> {
  const { language } = preferences.get();
  await speak(language).catch((error: unknown) => notices.show(String(error))); // it goes on in the language that it has
  page.render(
    <StrictMode key={words.language}>
      <QueryClientProvider client={queries}>
        <Boundary fallback={<Broken />}>
          <Router base={base}>
            <App />
          </Router>
        </Boundary>
      </QueryClientProvider>
    </StrictMode>,
  );
}

let drawn = preferences.get().language;
preferences.subscribe(() => {
  const { language } = preferences.get();
  if (language === drawn) return;
  drawn = language;
  void draw();
});
if (isBelowBase(location.pathname)) void draw();
// Opened without the proxy that people come through.
else location.replace(addressOf(location.pathname + location.search + location.hash));
