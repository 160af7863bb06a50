import { useState, type KeyboardEvent } from "react";

import { isComposing } from "./keys";

/** Which of several choices the arrow keys are at; Enter takes it. `count` may change at any time. */
export function useChoices(count: number, take: (at: number) => void) {
  const [wanted, setAt] = useState(0);
  const at = Math.max(0, Math.min(wanted, count - 1));
  const onKeyDown = (event: KeyboardEvent): boolean => {
    if (count === 0 || isComposing(event)) return false;
    if (event.key === "ArrowDown") setAt((at + 1) % count);
    else if (event.key === "ArrowUp") setAt((at + count - 1) % count);
    else if (event.key === "Enter") take(at);
    else return false;
    event.preventDefault();
    return true;
  };
  return { at, setAt, onKeyDown };
}
