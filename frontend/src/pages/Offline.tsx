import { useEffect } from "react";

import { ApiError } from "../api/http";
import { Title } from "../components/Title";
import { words } from "../words";

const AGAIN_MS = 5_000;

/** The gateway is not there. Tries again by itself. */
export function Offline({ problem, retry }: { problem: Error; retry: () => void }) {
  useEffect(() => {
    const timer = setInterval(retry, AGAIN_MS);
    globalThis.addEventListener("online", retry);
    return () => {
      clearInterval(timer);
      globalThis.removeEventListener("online", retry);
    };
  }, [retry]);
  return (
    <main className="centred">
      <Title>{words.failure.offlineTitle}</Title>
      <h1>{words.failure.offlineTitle}</h1>
      <p>{problem instanceof ApiError && problem.status !== 0 ? problem.message : words.failure.offlineHint}</p>
      <p className="muted">{words.failure.offline}</p>
      <button type="button" className="primary" onClick={retry}>
        {words.common.tryAgain}
      </button>
    </main>
  );
}
