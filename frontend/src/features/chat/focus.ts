/** Where the focus goes when what had it disappears. */

import { focusTarget } from "../../components/focus";

/** Where one writes. */
export const [composerRef, focusField, composerField] = focusTarget<HTMLTextAreaElement>();

/** Where one looks for a text. */
export const [findRef, focusFind, findField] = focusTarget<HTMLInputElement>();

/** To where one writes; not where that would bring up a keyboard on the screen. */
export function focusComposer(): void {
  if (matchMedia("(hover: hover)").matches) focusField();
}

export type Direction = "previous" | "next";

/** The buttons that lead to the other versions of a message, by its number. */
const versions = new Map<number, Partial<Record<Direction, HTMLButtonElement>>>();

/** The ref of such a button. */
export function versionButton(message: number, direction: Direction) {
  return (button: HTMLButtonElement): (() => void) => {
    versions.set(message, { ...versions.get(message), [direction]: button });
    return () => versions.delete(message);
  };
}

/** To that button of a message, or to the other one where that one can't be pressed. */
export function focusVersion(message: number, direction: Direction): void {
  const { previous, next } = versions.get(message) ?? {};
  const [first, second] = direction === "previous" ? [previous, next] : [next, previous];
  (first?.disabled ? second : first)?.focus();
}
