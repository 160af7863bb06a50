/** The keys and swipes of the maze. */

import { useEffect, useMemo, type PointerEvent } from "react";

import type { Direction } from "../../protocol/maze";
import { preferences } from "../../stores/preferences";

const ARROWS: Readonly<Record<string, Direction>> = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" };
const LETTERS: Readonly<Record<string, Direction>> = { w: "up", s: "down", a: "left", d: "right" };
/** A key that is held moves the player no faster. */
const LEAST_REPEAT_MS = 100;
/** A finger moves the player one tile each time it has gone so far. */
const SWIPE_PX = 28;

export interface Keys {
  direction: (direction: Direction) => void;
  wait?: () => void;
  enter?: () => void;
  escape?: () => void;
}

/** Listens as long as `isOn`, wherever the focus is but in fields, lists and dialogs. */
export function useKeys(isOn: boolean, keys: Keys): void {
  useEffect(() => {
    if (!isOn) return;
    let last = 0;
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTaken(event.target)) return;
      const direction = ARROWS[event.key] ?? (preferences.get().keys ? LETTERS[event.key.toLowerCase()] : undefined);
      const other = otherOf(event.key, keys, isControl(event.target));
      if (direction === undefined && other === undefined) return;
      if (event.key !== "Escape") event.preventDefault();
      if (event.repeat && event.timeStamp - last < LEAST_REPEAT_MS) return;
      last = event.timeStamp;
      if (direction !== undefined) keys.direction(direction);
      else other?.();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [isOn, keys]);
}

function otherOf(key: string, keys: Keys, isOnControl: boolean): (() => void) | undefined {
  if (key === "Escape") return keys.escape;
  if (isOnControl) return undefined;
  if (key === " ") return keys.wait;
  return key === "Enter" ? keys.enter : undefined;
}

function isTaken(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select, dialog, dialog *"));
}

/** Space and Enter belong to it. */
function isControl(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("button, a, summary") !== null;
}

/** What an element needs so that a finger or the mouse on it moves the player. */
export function useSwipes(onDirection: (direction: Direction) => void) {
  return useMemo(() => new Swipes(onDirection).handlers, [onDirection]);
}

class Swipes {
  private from: { id: number; x: number; y: number } | null = null;

  constructor(private readonly onDirection: (direction: Direction) => void) {}

  get handlers() {
    const end = (): void => {
      this.from = null;
    };
    return {
      onPointerDown: (event: PointerEvent<HTMLElement>): void => this.begin(event),
      onPointerMove: (event: PointerEvent<HTMLElement>): void => this.move(event),
      onPointerUp: end,
      onPointerCancel: end,
    };
  }

  private begin({ pointerId, clientX, clientY, currentTarget }: PointerEvent<HTMLElement>): void {
    this.from = { id: pointerId, x: clientX, y: clientY };
    currentTarget.setPointerCapture(pointerId);
  }

  private move({ pointerId, clientX, clientY }: PointerEvent<HTMLElement>): void {
    if (this.from?.id !== pointerId) return;
    const [x, y] = [clientX - this.from.x, clientY - this.from.y];
    if (Math.max(Math.abs(x), Math.abs(y)) < SWIPE_PX) return;
    this.from = { id: pointerId, x: clientX, y: clientY };
    this.onDirection(Math.abs(x) > Math.abs(y) ? (x > 0 ? "right" : "left") : y > 0 ? "down" : "up");
  }
}
