/** Where the focus goes when what had it disappears. */

/** To where one writes; not where that would bring up a keyboard on the screen. */
export function focusComposer(): void {
  if (matchMedia("(hover: hover)").matches) document.querySelector<HTMLElement>(".composer textarea")?.focus();
}

/** To that button of another version of a message, or to the one beside it where that one can't be pressed. */
export function focusVersion(message: number, label: string): void {
  const buttons = [
    ...(document.getElementById(`message-${message}`)?.querySelectorAll<HTMLButtonElement>(".branches button") ?? []),
  ];
  (buttons.find((button) => button.ariaLabel === label && !button.disabled) ?? buttons.find((button) => !button.disabled))?.focus();
}
