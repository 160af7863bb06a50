import type { KeyboardEvent } from "react";

/** Whether the key belongs to an input method that is composing a word. Safari says so only by the code of the key that ends it. */
export function isComposing({ nativeEvent }: KeyboardEvent): boolean {
  return nativeEvent.isComposing || nativeEvent.keyCode === 229; // eslint-disable-line @typescript-eslint/no-deprecated -- see above
}

export function isEnter(event: KeyboardEvent): boolean {
  return event.key === "Enter" && !event.shiftKey && !isComposing(event);
}

export function isEscape(event: KeyboardEvent): boolean {
  return event.key === "Escape" && !isComposing(event);
}
