/**
 * Text that streams pushes what stands under it away, also between the press and the release of a mouse button, and then the browser
 * finds that nothing was clicked. A button that moves away under a mouse at rest counts as clicked all the same.
 */

/** A mouse that moves farther while it is pressed, in CSS pixels, means something else. */
const REST_PX = 8;

export function keepPresses(page: Document): void {
  page.addEventListener("pointerdown", ({ target, pointerId, pointerType, button: which, clientX, clientY }) => {
    if (pointerType !== "mouse" || which !== 0 || !(target instanceof Element)) return;
    const button = target.closest("button");
    if (button === null || button.disabled || button.hasPointerCapture(pointerId)) return; // such a button does it itself
    button.setPointerCapture(pointerId); // the click goes to what has the pointer
    const leave = (move: PointerEvent): void => {
      if (move.pointerId !== pointerId || Math.hypot(move.clientX - clientX, move.clientY - clientY) <= REST_PX) return;
      if (button.hasPointerCapture(pointerId)) button.releasePointerCapture(pointerId);
      end();
    };
    const end = (): void => {
      page.removeEventListener("pointermove", leave);
      page.removeEventListener("pointerup", end);
      page.removeEventListener("pointercancel", end);
    };
    page.addEventListener("pointermove", leave);
    page.addEventListener("pointerup", end);
    page.addEventListener("pointercancel", end);
  });
}
