/** When to try again. */

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;
const PASSING = new Set([0, 408, 429, 500, 502, 503, 504]);

/** Whether what was answered with this status may go well the next time. */
export function passes(status: number): boolean {
  return PASSING.has(status);
}

/** Before try number `tries` + 1: longer each time, jittered; over at once when the browser is online again, or nobody waits any more. */
export function pause(tries: number, signal: AbortSignal): Promise<void> {
  const milliseconds = Math.min(FIRST_PAUSE_MS * 2 ** tries, LONGEST_PAUSE_MS);
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      globalThis.removeEventListener("online", over);
      resolve();
    };
    const timer = setTimeout(over, milliseconds * (0.5 + Math.random() / 2));
    signal.addEventListener("abort", over, { once: true });
    globalThis.addEventListener("online", over);
  });
}
