import { useEffect } from "react";

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
      <title>Not there · LAM Studio</title>
      <h1>LAM Studio is not there</h1>
      <p>{problem.message}</p>
      <p className="muted">Replies that were running go on without you. This page tries again every few seconds.</p>
      <button type="button" className="primary" onClick={retry}>
        Try again
      </button>
    </main>
  );
}
