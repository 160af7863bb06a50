/** Which tiles are in sight, by one observer for all of them. */

import { useEffect, useState } from "react";

import type { RoomView } from "../../stores/rooms";

/** So far out of sight a tile is read already: whoever scrolls finds it written. */
const MARGIN = "200px 0px";

export class Sight {
  private readonly users = new Map<Element, number>();
  private observer: IntersectionObserver | null = null;

  constructor(private readonly view: RoomView) {}

  start(): () => void {
    this.observer = new IntersectionObserver((entries) => this.take(entries), { rootMargin: MARGIN });
    for (const element of this.users.keys()) this.observer.observe(element);
    return () => {
      this.observer?.disconnect();
      this.observer = null;
    };
  }

  /** This element is the tile of a participant, until the function that comes back is called. */
  watch(element: Element, user: number): () => void {
    this.users.set(element, user);
    this.observer?.observe(element);
    return () => {
      this.users.delete(element);
      this.observer?.unobserve(element);
      this.view.see(new Map([[user, false]]));
    };
  }

  private take(entries: readonly IntersectionObserverEntry[]): void {
    const changes = entries.flatMap(({ target, isIntersecting }): [number, boolean][] => {
      const user = this.users.get(target);
      return user === undefined ? [] : [[user, isIntersecting]];
    });
    this.view.see(new Map(changes));
  }
}

export function useSight(view: RoomView): Sight {
  const [sight] = useState(() => new Sight(view));
  useEffect(() => sight.start(), [sight]);
  return sight;
}
