/** Printing a whole conversation, however much of it is in sight. */

import { useEffect, useEffectEvent, useSyncExternalStore } from "react";
import { flushSync } from "react-dom";

import { printing } from "../../stores/printing";

const BUILT_MS = 100;
const PICTURES_MS = 10_000;

/** Whether everything has to stand on the page; Ctrl+P and the browser's menu print it then. `older` fetches what is above. */
export function usePrinting(older: () => Promise<boolean>): { isPrinting: boolean; print: () => Promise<void> } {
  const isPrinting = useSyncExternalStore(printing.subscribe, () => printing.isOn);
  const print = async (): Promise<void> => {
    while (await older()) continue;
    flushSync(() => printing.set(true));
    await new Promise((resolve) => setTimeout(resolve, BUILT_MS)); // fonts and colours of what was just built
    await pictures();
    globalThis.print();
  };
  const pressed = useEffectEvent(() => void print());
  useEffect(() => {
    const end = new AbortController();
    const { signal } = end;
    const press = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== "p" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
      event.preventDefault();
      pressed();
    };
    document.addEventListener("keydown", press, { signal });
    // from the browser's menu: what has been read so far
    globalThis.addEventListener("beforeprint", () => flushSync(() => printing.set(true)), { signal });
    globalThis.addEventListener("afterprint", () => printing.set(false), { signal });
    return () => {
      end.abort();
      printing.set(false);
    };
  }, []);
  return { isPrinting, print };
}

/** Resolves once all pictures can be printed, or after a while without those that still are not there. */
async function pictures(): Promise<void> {
  const all = [...document.querySelectorAll<HTMLImageElement>(".thread img")];
  const late = new Promise((resolve) => setTimeout(resolve, PICTURES_MS));
  await Promise.race([late, Promise.all(all.map((picture) => picture.decode().catch(() => undefined)))]);
}
