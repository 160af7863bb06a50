import { useEffect, useState } from "react";

import { waiting, type OnTheWay } from "./status";

/** One sentence for what is being waited for; while the model thinks it counts the seconds. */
export function Waiting({ stream }: { stream: OnTheWay }) {
  const isThinking = stream.snapshot.thinking !== "" && stream.snapshot.text === "" && !stream.over;
  const [since, setSince] = useState<number | null>(null);
  const [now, setNow] = useState(0);
  useEffect(() => {
    if (!isThinking) return;
    const began = Date.now();
    const tick = (): void => {
      setSince(began);
      setNow(Date.now());
    };
    const timer = setInterval(tick, 1000);
    return () => clearInterval(timer);
  }, [isThinking]);
  const says = stream.over ? null : waiting(stream, since, now);
  return says !== null && <p className="waiting">{says}</p>;
}
