import type { RefCallback } from "react";

/**
 * The ref of an element that others send the focus to, wherever they stand in the page, and what sends it there. While the element is
 * not in the page, nothing happens.
 */
export function focusTarget<E extends HTMLElement>(): [ref: RefCallback<E>, focus: () => void, element: () => E | null] {
  let current: E | null = null;
  const ref: RefCallback<E> = (element) => {
    current = element;
    return () => {
      if (current === element) current = null; // the next one may have come before this one goes
    };
  };
  return [ref, () => current?.focus(), () => current];
}
