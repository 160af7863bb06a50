/** What is to be sent once the files that belong to it have been read. */

import { useEffect, useEffectEvent, useState } from "react";

import type { Upload } from "../../stores/uploads";

/** `isReading`: a file is on its way. `isSentOnceRead`: it is sent when the last one is there; a file that cannot be read holds it. */
export function useDue(pending: readonly Upload[]) {
  const [isDue, setDue] = useState(false);
  const isReading = pending.some(({ problem }) => problem === null);
  const isSentOnceRead = isDue && pending.every(({ problem }) => problem === null);
  return { isReading, isSentOnceRead, setDue };
}

export function useSentOnceRead({ isReading, isSentOnceRead }: Omit<ReturnType<typeof useDue>, "setDue">, send: () => void): void {
  const sendNow = useEffectEvent(send);
  useEffect(() => {
    if (!isSentOnceRead || isReading) return;
    const timer = setTimeout(sendNow);
    return () => clearTimeout(timer);
  }, [isSentOnceRead, isReading]);
}
