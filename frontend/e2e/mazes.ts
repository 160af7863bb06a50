/** How a maze is won by the keyboard. */

import { apply, DIRECTIONS, legal, type Action, type Direction, type State } from "../src/protocol/maze";

export const ARROWS = { up: "ArrowUp", down: "ArrowDown", left: "ArrowLeft", right: "ArrowRight" };

/** The fewest directions that win, past all germs; undefined stands for a tick of waiting. What germs do depends on the tick alone. */
export function winning(start: State): (Direction | undefined)[] {
  const reached = new Set<string>();
  for (let plays: [state: State, steps: (Direction | undefined)[]][] = [[start, []]]; plays.length > 0; ) {
    const won = plays.find(([{ status }]) => status === "won");
    if (won !== undefined) return won[1];
    plays = plays.flatMap(([state, steps]) =>
      [...DIRECTIONS, undefined].flatMap((direction): typeof plays => {
        const action: Action = direction === undefined ? { action: "wait" } : { action: "move", direction };
        if (!legal(state, action)) return [];
        const next = apply(state, action);
        const key = `${next.player} ${next.tick}`;
        if (reached.has(key) || !["playing", "won"].includes(next.status)) return [];
        reached.add(key);
        return [[next, [...steps, direction]]];
      }),
    );
  }
  throw new Error("this game can’t be won any more");
}
