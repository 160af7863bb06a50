/** Actions in words. */

import type { Direction, Logged } from "../../protocol/maze";
import { words } from "../../words";

/** *Go right × 3 and up* */
export function actionText(action: Logged): string {
  switch (action.action) {
    case "move":
      return words.maze.actions.go([words.maze.directions[action.direction]]);
    case "path":
      return words.maze.actions.go(steps(action.directions));
    case "break_wall":
      return words.maze.actions.break_wall(words.maze.directions[action.direction]);
    default:
      return words.maze.actions[action.action];
  }
}

/** Steps in the same direction are said once. */
function steps(directions: readonly Direction[]): string[] {
  const runs: { direction: Direction; count: number }[] = [];
  for (const direction of directions) {
    const last = runs.at(-1);
    if (last?.direction === direction) last.count++;
    else runs.push({ direction, count: 1 });
  }
  return runs.map(({ direction, count }) => words.maze.actions.steps(words.maze.directions[direction], count));
}
