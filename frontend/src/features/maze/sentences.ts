/** States, and why an action is not possible in one, in words. */

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

/** Why the action is not possible in that state; null: it is. */
export function objectionText(state: State, action: Logged): string | null {
  const reason = objection(state, action);
  return reason === null ? null : words.maze.objections[reason];
}

function placeText(tile: number, size: number): string {
  return words.maze.place(Math.floor(tile / size), tile % size);
}

/** What lies in each direction, and how far one can see that it goes on like that. */
export function surroundings(state: State): string[] {
  return DIRECTIONS.map((direction) => {
    const step = offset(state.settings.size, direction);
    const kind = kindOf(state, state.player + step);
    let count = 1;
    while (kind === "open" && kindOf(state, state.player + step * (count + 1)) === "open") count++;
    return words.maze.beside(words.maze.sides[direction], words.maze.kinds[kind], count);
  });
}

function kindOf(state: State, tile: number): keyof typeof words.maze.kinds {
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
  return words.maze.exitWay(
    parts.filter(([count]) => count > 0).map(([count, direction]) => words.maze.away(count, words.maze.directions[direction])),
  );
}

export function germsText(state: State): string {
  const { germs, settings } = state;
  return words.maze.germsAt(
    [...new Set(germs)].filter((tile) => isKnown(state, tile)).map((tile) => placeText(tile, settings.size)),
  );
}

/** What somebody who sees nothing hears after an action of their own. */
export function arrivalText(state: State): string {
  const { player, oxygen, settings } = state;
  const ways = DIRECTIONS.filter((direction) => !isWall(state, player + offset(settings.size, direction)));
  return [
    words.maze.arrived(Math.floor(player / settings.size), player % settings.size),
    words.maze.openWays(ways.map((direction) => words.maze.directions[direction])),
    ...(oxygen % 10 === 0 ? [words.maze.oxygenSaid(oxygen)] : []),
  ].join(" ");
}
