/** Actions and states in words. */

import {
  exitTile,
  isKnown,
  isWall,
  offset,
  type Direction,
  DIRECTIONS,
  type Logged,
  objection,
  type State,
} from "../../protocol/maze";
import { wayOut } from "../../stores/maze-play";
import { words } from "../../words";

const { maze } = words;

/** *Go right × 3 and up* */
export function actionText(action: Logged): string {
  switch (action.action) {
    case "move":
      return maze.actions.go([maze.directions[action.direction]]);
    case "path":
      return maze.actions.go(steps(action.directions));
    case "break_wall":
      return maze.actions.break_wall(maze.directions[action.direction]);
    default:
      return maze.actions[action.action];
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
  return runs.map(({ direction, count }) => maze.actions.steps(maze.directions[direction], count));
}

/** Why the action is not possible in that state; null: it is. */
export function objectionText(state: State, action: Logged): string | null {
  const reason = objection(state, action);
  return reason === null ? null : maze.objections[reason];
}

function placeText(tile: number, size: number): string {
  return maze.place(Math.floor(tile / size), tile % size);
}

/** What lies in each direction, and how far one can see that it goes on like that. */
export function surroundings(state: State): string[] {
  return DIRECTIONS.map((direction) => {
    const step = offset(state.settings.size, direction);
    const kind = kindOf(state, state.player + step);
    let count = 1;
    while (kind === "open" && kindOf(state, state.player + step * (count + 1)) === "open") count++;
    return maze.beside(maze.sides[direction], maze.kinds[kind], count);
  });
}

function kindOf(state: State, tile: number): keyof typeof maze.kinds {
  if (!isKnown(state, tile)) return "fog";
  if (isWall(state, tile)) return "wall";
  if (state.germs.includes(tile)) return "germ";
  return tile === exitTile(state.settings.size) ? "exit" : "open";
}

/** *9 down and 4 right* */
export function exitText(state: State): string {
  const { down, right } = wayOut(state);
  const parts: [number, Direction][] = [
    [Math.abs(down), down < 0 ? "up" : "down"],
    [Math.abs(right), right < 0 ? "left" : "right"],
  ];
  return maze.exitWay(
    parts.filter(([count]) => count > 0).map(([count, direction]) => maze.away(count, maze.directions[direction])),
  );
}

export function germsText(state: State): string {
  const { germs, settings } = state;
  return maze.germsAt([...new Set(germs)].filter((tile) => isKnown(state, tile)).map((tile) => placeText(tile, settings.size)));
}

/** What somebody who sees nothing hears after an action of their own. */
export function arrivalText(state: State): string {
  const { player, oxygen, settings } = state;
  const ways = DIRECTIONS.filter((direction) => !isWall(state, player + offset(settings.size, direction)));
  return [
    maze.arrived(Math.floor(player / settings.size), player % settings.size),
    maze.openWays(ways.map((direction) => maze.directions[direction])),
    ...(oxygen % 10 === 0 ? [maze.oxygenSaid(oxygen)] : []),
  ].join(" ");
}
