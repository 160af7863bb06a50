/**
 * The rules of the maze, as `backend/src/lam/maze/rules.py` has them: the same states bit by bit, which contracts/mazes/ holds both
 * against. Pure, and integers only. A maze is a square of tiles, numbered from 0 row by row; cells lie on odd rows and columns, walls
 * and ways between them.
 */

export const LARGEST_SEED = 2 ** 32 - 1;
const SIGHT = 2;
export const DIRECTIONS = ["up", "down", "left", "right"] as const;
export const POWERS = ["break_wall", "slow_germs", "freeze_germs", "scan"] as const;

const WALL = "#";
const OPEN = ".";
const KNOWN = "1";
const UNKNOWN = "0";
const LONGEST_PATH = 8;
const SLOW_TICKS = 20;
const FREEZE_TICKS = 8;
const SCAN_SIGHT = 6;

export type Direction = (typeof DIRECTIONS)[number];
export type Power = (typeof POWERS)[number];

export type Action =
  | { action: "move"; direction: Direction }
  | { action: "path"; directions: Direction[] }
  | { action: "break_wall"; direction: Direction }
  | { action: "slow_germs" }
  | { action: "freeze_germs" }
  | { action: "scan" }
  | { action: "wait" };
/** What a log may hold beside actions: an answer that named none, which is always illegal. */
export type Logged = Action | { action: "unreadable" };

/** How often each power may be used. */
type Powers = Record<Power, number>;

/** `size`: tiles of a side, odd. `loops`: percent of the walls between cells that are opened. `oxygen`: ticks; 0: by the maze.
 * `powers`: else `USUAL_POWERS`. */
export interface Settings {
  size: number;
  loops: number;
  germs: number;
  fog: boolean;
  oxygen: number;
  powers?: Powers;
}

export const USUAL_POWERS: Readonly<Powers> = { break_wall: 3, slow_germs: 2, freeze_germs: 2, scan: 3 };

/** Why an action is illegal; `rules.py` says what each means. */
export type Objection = "unreadable" | "wall" | "fog" | "spent" | "border" | "open";

/** A game at one tick. `known` is empty without fog; `came`: the tile that each germ came from, -1 at first; `random`: the state of the
 * random numbers. `oxygen`, `slowed`, `frozen`: ticks left. `illegal`, `used`: illegal actions and powers so far. */
export interface State {
  settings: Settings;
  grid: string;
  known: string;
  player: number;
  germs: readonly number[];
  came: readonly number[];
  random: number;
  tick: number;
  oxygen: number;
  powers: Powers;
  slowed: number;
  frozen: number;
  illegal: number;
  used: number;
  shortest: number;
  status: "playing" | "won" | "germ" | "oxygen";
}

/** The action of decoded JSON; null for any other shape. */
export function actionOf(value: unknown): Action | null {
  if (typeof value !== "object" || value === null) return null;
  const { action, direction, directions, ...more } = value as Readonly<Record<string, unknown>>;
  if (Object.keys(more).length > 0) return null;
  switch (action) {
    case "move":
    case "break_wall":
      return isDirection(direction) && directions === undefined ? { action, direction } : null;
    case "path": {
      const isPath = Array.isArray(directions) && directions.length >= 1 && directions.length <= LONGEST_PATH;
      return isPath && directions.every(isDirection) && direction === undefined ? { action, directions } : null;
    }
    case "slow_germs":
    case "freeze_germs":
    case "scan":
    case "wait":
      return direction === undefined && directions === undefined ? { action } : null;
    default:
      return null;
  }
}

function isDirection(value: unknown): value is Direction {
  return DIRECTIONS.some((direction) => direction === value);
}

/** A log that is no game's log; the message says why. */
export class BadLog extends Error {
  override readonly name = "BadLog";
}

export function exitTile(size: number): number {
  return (size - 2) * size + size - 2;
}

function startTile(size: number): number {
  return size + 1;
}

/** Whether the player has seen the tile; the exit is always known. */
export function isKnown({ known }: State, tile: number): boolean {
  return known === "" || known[tile] === KNOWN;
}

export function isWall({ grid }: State, tile: number): boolean {
  return grid[tile] === WALL;
}

/** What leads from a tile to the next one in that direction. */
export function offset(size: number, direction: Direction): number {
  switch (direction) {
    case "up":
      return -size;
    case "down":
      return size;
    case "left":
      return -1;
    case "right":
      return 1;
  }
}

// Random numbers

/** A number below `n`, and the next state of the random numbers (mulberry32, by Tommy Ettinger, public domain). A choice among one draws
 * nothing. */
export function choice(random: number, n: number): [number, number] {
  if (n <= 1) return [0, random];
  const next = (random + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(next ^ (next >>> 15), next | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return [((mixed ^ (mixed >>> 14)) >>> 0) % n, next];
}

// Making a maze

/** The state at tick 0. The exit can always be reached. Throws BadLog for a seed that is no 32-bit number. */
export function generate(seed: number, settings: Settings): State {
  if (!Number.isInteger(seed) || seed < 0 || seed > LARGEST_SEED) throw new BadLog(`a seed is a number from 0 to ${LARGEST_SEED}`);
  const { size, fog, oxygen, powers = USUAL_POWERS } = settings;
  const tiles = new Array<string>(size * size).fill(WALL);
  let random = carve(tiles, size, seed);
  random = openLoops(tiles, size, settings.loops, random);
  const grid = tiles.join("");
  const ways = distances(grid, size, startTile(size));
  const shortest = ways[exitTile(size)] ?? -1;
  const [germs, afterGerms] = placeGerms(ways, settings, random);
  return {
    settings,
    grid,
    known: fog ? reveal(UNKNOWN.repeat(size * size), size, startTile(size), SIGHT) : "",
    player: startTile(size),
    germs,
    came: germs.map(() => -1),
    random: afterGerms,
    tick: 0,
    oxygen: oxygen > 0 ? Math.max(oxygen, shortest) : 4 * shortest + size,
    powers: {
      break_wall: powers.break_wall,
      slow_germs: settings.germs > 0 ? powers.slow_germs : 0,
      freeze_germs: settings.germs > 0 ? powers.freeze_germs : 0,
      scan: fog ? powers.scan : 0,
    },
    slowed: 0,
    frozen: 0,
    illegal: 0,
    used: 0,
    shortest,
    status: "playing",
  };
}

/** Recursive backtracker, without the recursion: from the newest cell that has an unvisited neighbour, one of them. */
function carve(tiles: string[], size: number, seed: number): number {
  let random = seed;
  const trail = [startTile(size)];
  tiles[startTile(size)] = OPEN;
  for (let tile = trail.at(-1); tile !== undefined; tile = trail.at(-1)) {
    const row = Math.floor(tile / size);
    const column = tile % size;
    const ways: number[] = [];
    if (row > 2 && tiles[tile - 2 * size] === WALL) ways.push(-size);
    if (row < size - 3 && tiles[tile + 2 * size] === WALL) ways.push(size);
    if (column > 2 && tiles[tile - 2] === WALL) ways.push(-1);
    if (column < size - 3 && tiles[tile + 2] === WALL) ways.push(1);
    if (ways.length === 0) {
      trail.pop();
      continue;
    }
    const [number, next] = choice(random, ways.length);
    random = next;
    const way = ways[number] ?? 0;
    tiles[tile + way] = tiles[tile + 2 * way] = OPEN;
    trail.push(tile + 2 * way);
  }
  return random;
}

/** Opens that share, rounded down, of the walls between two cells; a wall between cells has one odd coordinate. */
function openLoops(tiles: string[], size: number, percent: number, before: number): number {
  let random = before;
  const walls: number[] = [];
  for (let row = 1; row < size - 1; row++) {
    for (let column = 1 + (row % 2); column < size - 1; column += 2) {
      if (tiles[row * size + column] === WALL) walls.push(row * size + column);
    }
  }
  for (let left = Math.floor((walls.length * percent) / 100); left > 0; left--) {
    const [number, next] = choice(random, walls.length);
    random = next;
    for (const tile of walls.splice(number, 1)) tiles[tile] = OPEN;
  }
  return random;
}

/** Cells at least `size` steps from the start, each once, not the exit. */
function placeGerms(ways: readonly number[], { size, germs: most }: Settings, before: number): [number[], number] {
  let random = before;
  const cells: number[] = [];
  for (let row = 1; row < size; row += 2) {
    for (let column = 1; column < size; column += 2) {
      const tile = row * size + column;
      if ((ways[tile] ?? -1) >= size && tile !== exitTile(size)) cells.push(tile);
    }
  }
  const germs: number[] = [];
  for (let left = Math.min(most, cells.length); left > 0; left--) {
    const [number, next] = choice(random, cells.length);
    random = next;
    germs.push(...cells.splice(number, 1));
  }
  return [germs, random];
}

/** The steps from `start` to each tile, -1 where no way leads. */
function distances(grid: string, size: number, start: number): number[] {
  const steps = new Array<number>(grid.length).fill(-1);
  steps[start] = 0;
  const queue = [start];
  for (const tile of queue) {
    for (const near of [tile - size, tile + size, tile - 1, tile + 1]) {
      if (grid[near] !== OPEN || steps[near] !== -1) continue;
      steps[near] = (steps[tile] ?? 0) + 1;
      queue.push(near);
    }
  }
  return steps;
}

/** The known tiles once those up to `sight` rows and columns away from `tile` are known too. */
function reveal(known: string, size: number, tile: number, sight: number): string {
  const [row, column] = [Math.floor(tile / size), tile % size];
  const tiles = known.split("");
  for (let y = Math.max(0, row - sight); y <= Math.min(size - 1, row + sight); y++) {
    for (let x = Math.max(0, column - sight); x <= Math.min(size - 1, column + sight); x++) tiles[y * size + x] = KNOWN;
  }
  return tiles.join("");
}

// Playing

/** Why the action is illegal in this state; null: it is legal. All steps of a path are judged by the state before the path. */
export function objection(state: State, action: Logged): Objection | null {
  const { size } = state.settings;
  switch (action.action) {
    case "move":
      return state.grid[state.player + offset(size, action.direction)] === OPEN ? null : "wall";
    case "path":
      return pathObjection(state, action.directions);
    case "break_wall":
      return wallObjection(state, action.direction);
    case "slow_germs":
    case "freeze_germs":
    case "scan":
      return state.powers[action.action] > 0 ? null : "spent";
    case "wait":
      return null;
    case "unreadable":
      return "unreadable";
  }
}

/** Whether the action may be done now. After the end nothing is legal. */
export function legal(state: State, action: Logged): boolean {
  return state.status === "playing" && objection(state, action) === null;
}

function pathObjection(state: State, directions: readonly Direction[]): Objection | null {
  let tile = state.player;
  for (const direction of directions) {
    tile += offset(state.settings.size, direction);
    if (state.known !== "" && state.known[tile] !== KNOWN) return "fog";
    if (state.grid[tile] !== OPEN) return "wall";
  }
  return null;
}

function wallObjection(state: State, direction: Direction): Objection | null {
  const { size } = state.settings;
  const tile = state.player + offset(size, direction);
  if (state.grid[tile] === OPEN) return "open";
  const [row, column] = [Math.floor(tile / size), tile % size];
  if (row <= 0 || row >= size - 1 || column <= 0 || column >= size - 1) return "border";
  return state.powers.break_wall > 0 ? null : "spent";
}

/** The states after each tick of the action, the last of which is the state after it. An illegal action is a `wait` that counts as
 * illegal. Throws BadLog after the end. */
export function ticks(state: State, action: Logged): State[] {
  if (state.status !== "playing") throw new BadLog("the game has ended");
  if (objection(state, action) !== null) return [tick({ ...state, illegal: state.illegal + 1 }, 0)];
  const { size } = state.settings;
  switch (action.action) {
    case "move":
      return [tick(state, offset(size, action.direction))];
    case "path":
      return walk(state, action.directions);
    case "break_wall": {
      const wall = state.player + offset(size, action.direction);
      const grid = state.grid.slice(0, wall) + OPEN + state.grid.slice(wall + 1);
      return [tick({ ...spend(state, "break_wall"), grid }, 0)];
    }
    case "slow_germs":
      return [tick({ ...spend(state, "slow_germs"), slowed: SLOW_TICKS }, 0)];
    case "freeze_germs":
      return [tick({ ...spend(state, "freeze_germs"), frozen: FREEZE_TICKS }, 0)];
    case "scan": {
      const known = reveal(state.known, size, state.player, SCAN_SIGHT);
      return [tick({ ...spend(state, "scan"), known }, 0)];
    }
    case "wait":
    case "unreadable":
      return [tick(state, 0)];
  }
}

/** The state after the action. */
export function apply(state: State, action: Logged): State {
  return ticks(state, action).at(-1) ?? state;
}

/** The states before each action of a log and after the last. Throws BadLog for an action after the end. */
export function replay(seed: number, settings: Settings, log: readonly Logged[]): State[] {
  let state = generate(seed, settings);
  const states = [state];
  for (const action of log) {
    state = apply(state, action);
    states.push(state);
  }
  return states;
}

function walk(state: State, directions: readonly Direction[]): State[] {
  const states: State[] = [];
  let now = state;
  for (const direction of directions) {
    now = tick(now, offset(state.settings.size, direction));
    states.push(now);
    if (now.status !== "playing") break;
  }
  return states;
}

function spend(state: State, power: Power): State {
  return { ...state, powers: { ...state.powers, [power]: state.powers[power] - 1 }, used: state.used + 1 };
}

/** One tick later. `step`: what is added to the player's tile. */
function tick(state: State, step: number): State {
  const { size } = state.settings;
  const player = state.player + step;
  const known = step !== 0 && state.known !== "" ? reveal(state.known, size, player, SIGHT) : state.known;
  const now: State = { ...state, tick: state.tick + 1, player, known };
  if (step !== 0 && now.germs.includes(player)) return { ...now, status: "germ" };
  if (step !== 0 && player === exitTile(size)) return { ...now, status: "won" };
  const walked = state.frozen === 0 && (state.slowed === 0 || state.slowed % 2 === 1) ? walkGerms(now) : now;
  const isCaught = walked.germs.includes(player);
  const oxygen = isCaught ? now.oxygen : now.oxygen - 1;
  return {
    ...walked,
    oxygen,
    slowed: Math.max(0, state.slowed - 1),
    frozen: Math.max(0, state.frozen - 1),
    status: isCaught ? "germ" : oxygen === 0 ? "oxygen" : "playing",
  };
}

/** Each germ in turn goes to an open neighbour by chance, back to where it came from only out of a dead end. */
function walkGerms(state: State): State {
  const { size } = state.settings;
  let { random } = state;
  const germs = state.germs.map((tile, at) => {
    const before = state.came[at] ?? -1;
    const ways = [tile - size, tile + size, tile - 1, tile + 1].filter((near) => near !== before && state.grid[near] === OPEN);
    const [number, next] = choice(random, ways.length);
    random = next;
    return ways[number] ?? before;
  });
  return { ...state, germs, came: state.germs, random };
}

/** The score of a game that has this state at its end: `rules.py` says the formula, the page says it in words. */
export function score({ status, shortest, tick: steps, illegal, used }: State): number {
  if (status !== "won") return 0;
  return Math.max(1, Math.floor((1000 * shortest) / steps) - 25 * illegal - 50 * used);
}
