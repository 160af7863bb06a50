import { useEffect, useRef, useState, useSyncExternalStore } from "react";

import type { BrowserEvents } from "../stores/browser-events";
import { words } from "../words";

/** A short loss is not worth a word. */
const SHORT_MS = 2_000;

/** Says that the gateway does not answer, as long as it does not: what is on the page may be older than it looks. */
export function LinkLost({ events }: { events: BrowserEvents }) {
  const [isLost, setLost] = useState(false);
  const waiting = useRef<ReturnType<typeof setTimeout> | null>(null);
  const link = useSyncExternalStore(events.subscribe, () => events.link);
  useEffect(() => {
    if (link === "connecting") return; // also while it is tried again
    if (link === "lost") {
      waiting.current ??= setTimeout(() => setLost(true), SHORT_MS);
      return;
    }
    if (waiting.current !== null) clearTimeout(waiting.current);
    waiting.current = null;
    const timer = setTimeout(() => setLost(false));
    return () => clearTimeout(timer);
  }, [link]);
  return (
    <div className="link-lost" role="status">
      {isLost && <p>{words.failure.silent}</p>}
    </div>
  );
}
