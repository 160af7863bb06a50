/** The maze as paths of an SVG whose unit is a tile. Pure. */

import { isKnown, isWall, offset, type Direction, type Logged, type State } from "../../protocol/maze";

export interface Point {
  x: number;
  y: number;
}

/** The middle of a tile. */
export function middle(tile: number, size: number): Point {
  return { x: (tile % size) + 0.5, y: Math.floor(tile / size) + 0.5 };
}

/**
 * Walls as lines between the middles of neighbouring tiles, as long as they go straight on: a browser takes its time for each line.
 * One that stands alone is a dot. Unknown walls are left out.
 */
export function wallPath(state: State): string {
  const { size } = state.settings;
  const isDrawn = (row: number, column: number): boolean => {
    const tile = row * size + column;
    return row >= 0 && column >= 0 && row < size && column < size && isWall(state, tile) && isKnown(state, tile);
  };
  const lengthOf = (row: number, column: number, down: number, right: number): number => {
    let length = 0;
    if (!isDrawn(row - down, column - right)) while (isDrawn(row + (length + 1) * down, column + (length + 1) * right)) length++;
    return length;
  };
  let path = "";
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      if (!isDrawn(row, column)) continue;
      const start = `M${column + 0.5} ${row + 0.5}`;
      const [right, down] = [lengthOf(row, column, 0, 1), lengthOf(row, column, 1, 0)];
      if (right > 0) path += `${start}h${right}`;
      if (down > 0) path += `${start}v${down}`;
      const isAlone = right + down === 0 && !isDrawn(row, column - 1) && !isDrawn(row - 1, column);
      if (isAlone) path += `${start}h0`;
    }
  }
  return path;
}

/** The tiles that were not seen yet; the exit is seen from everywhere. */
export function fogPath(state: State): string {
  if (state.known === "") return "";
  const { size } = state.settings;
  let path = "";
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      if (isKnown(state, row * size + column)) continue;
      const start = column;
      while (column + 1 < size && !isKnown(state, row * size + column + 1)) column++;
      path += `M${start} ${row}h${column - start + 1}v1h${start - column - 1}z`;
    }
  }
  return path;
}

/** A line through the middles of tiles. */
export function linePath(tiles: readonly number[], size: number): string {
  return tiles
    .map((tile, at) => {
      const { x, y } = middle(tile, size);
      return `${at === 0 ? "M" : "L"}${x} ${y}`;
    })
    .join("");
}

/** The tiles that a path steps on, the player's first. It goes on through walls, so that one sees where it is wrong; never off the board. */
export function tilesOf(state: State, directions: readonly Direction[]): number[] {
  const { size } = state.settings;
  const tiles = [state.player];
  for (const direction of directions) {
    const tile = (tiles.at(-1) ?? 0) + offset(size, direction);
    const [row, column] = [Math.floor(tile / size), tile % size];
    if (row < 0 || column < 0 || row >= size || column >= size) break;
    tiles.push(tile);
    if (row === 0 || column === 0 || row === size - 1 || column === size - 1) break; // the border: nothing lies behind it
  }
  return tiles;
}

/** Where the player was at each tick, from 0 to that of the last state. */
export function trailOf(states: readonly State[], entries: readonly { action: Logged }[]): number[] {
  const trail = states.slice(0, 1).map(({ player }) => player);
  entries.forEach(({ action }, at) => {
    const [before, after] = [states[at], states[at + 1]];
    if (before === undefined || after === undefined) return;
    if (action.action === "path" && after.illegal === before.illegal)
      trail.push(...tilesOf(before, action.directions).slice(1, after.tick - before.tick + 1));
    else while (trail.length <= after.tick) trail.push(after.player);
  });
  return trail;
}

/** A star with so many points around 0. */
function star(points: number, outer: number, inner: number): string {
  return Array.from({ length: points * 2 }, (_, at) => {
    const radius = at % 2 === 0 ? outer : inner;
    const angle = (Math.PI * at) / points;
    return `${at === 0 ? "M" : "L"}${(radius * Math.sin(angle)).toFixed(3)} ${(-radius * Math.cos(angle)).toFixed(3)}`;
  })
    .join("")
    .concat("Z");
}

/** Shapes around 0 that one tells apart without their colours. */
export const SHAPES = {
  germ: star(8, 0.42, 0.26),
  exit: "M0 -0.46L0.46 0L0 0.46L-0.46 0Z",
  exitMiddle: "M0 -0.2L0.2 0L0 0.2L-0.2 0Z",
  arrow: "M-0.14 -0.2L0.16 0L-0.14 0.2",
} as const;

/** How far an arrow that points to the right is turned, in degrees. */
export const TURNS: Record<Direction, number> = { right: 0, down: 90, left: 180, up: 270 };
