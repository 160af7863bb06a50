import { useEffect, useState } from "react";

interface Props {
  isThinking: boolean;
  /** One sentence; null: nothing is waited for. `since`: when it began to think, `now`, in milliseconds. */
  says: (since: number | null, now: number) => string | null;
}

/** One sentence for what is being waited for; while the model thinks it counts the seconds. */
export function Waiting({ isThinking, says }: Props) {
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
  const sentence = says(since, now);
  return sentence !== null && <p className="waiting">{sentence}</p>;
}
