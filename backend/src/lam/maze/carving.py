"""Makes mazes: the random numbers, the carving, the distances. Pure; the page's `protocol/maze.ts` does the same bit by bit.

Every random choice is `choice(random, n)`, in the order in which this module and `rules.py` make it. A choice among one draws
nothing.
"""

from typing import Final

from msgspec import structs

from lam.maze.state import KNOWN, LARGEST_SEED, OPEN, UNKNOWN, WALL, Settings, State, exit_tile, start_tile

SIGHT: Final = 2
_BITS: Final = 2**32 - 1


def choice(random: int, n: int) -> tuple[int, int]:
    """Returns a number below `n`, and the next state of the random numbers (mulberry32, by Tommy Ettinger, public domain)."""
    if n <= 1:
        return 0, random
    random = (random + 0x6D2B79F5) & _BITS
    t = ((random ^ random >> 15) * (random | 1)) & _BITS
    t = ((t + (t ^ t >> 7) * (t | 61)) & _BITS) ^ t
    return (t ^ t >> 14) % n, random


def generate(seed: int, settings: Settings) -> State:
    """Returns the state at tick 0. The exit can always be reached. Raises ValueError for a seed that is no 32-bit number."""
    if not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"a seed is a number from 0 to {LARGEST_SEED}")
    size = settings.size
    start, goal = start_tile(size), exit_tile(size)
    tiles, random = _carved(size, seed)
    random = _open_loops(tiles, size, settings.loops, random)
    grid = "".join(tiles)
    ways = distances(grid, size, start)
    shortest = ways[goal]
    germs, random = _placed_germs(ways, settings, random)
    powers = settings.powers
    if not settings.germs:
        powers = structs.replace(powers, slow_germs=0, freeze_germs=0)
    if not settings.fog:
        powers = structs.replace(powers, scan=0)
    return State(
        settings=settings,
        grid=grid,
        known=revealed(UNKNOWN * (size * size), size, start, SIGHT) if settings.fog else "",
        player=start,
        germs=germs,
        came=(-1,) * len(germs),
        random=random,
        oxygen=max(settings.oxygen, shortest) if settings.oxygen else 4 * shortest + size,
        powers=powers,
        shortest=shortest,
    )


def distances(grid: str, size: int, start: int) -> list[int]:
    """Returns the steps from `start` to each tile, -1 where no way leads."""
    result = [-1] * len(grid)
    result[start] = 0
    edge = [start]
    steps = 0
    while edge:
        steps += 1
        following = []
        for tile in edge:
            for near in (tile - size, tile + size, tile - 1, tile + 1):
                if result[near] < 0 and grid[near] == OPEN:
                    result[near] = steps
                    following.append(near)
        edge = following
    return result


def revealed(known: str, size: int, tile: int, sight: int) -> str:
    """Returns the known tiles once those up to `sight` rows and columns away from `tile` are known too."""
    row, column = divmod(tile, size)
    left, right = max(0, column - sight), min(size, column + sight + 1)
    part = KNOWN * (right - left)
    parts: list[str] = []
    end = 0
    for top in range(max(0, row - sight) * size, min(size, row + sight + 1) * size, size):
        parts += known[end : top + left], part
        end = top + right
    return "".join((*parts, known[end:]))


def _carved(size: int, random: int) -> tuple[list[str], int]:
    """Recursive backtracker, without the recursion: from the newest cell that has an unvisited neighbour, one of them."""
    tiles = [WALL] * (size * size)
    visited = start_tile(size)
    tiles[visited] = OPEN
    trail = [visited]
    while trail:
        tile = trail[-1]
        row, column = divmod(tile, size)
        ways = []
        if row > 2 and tiles[tile - 2 * size] == WALL:
            ways.append(-size)
        if row < size - 3 and tiles[tile + 2 * size] == WALL:
            ways.append(size)
        if column > 2 and tiles[tile - 2] == WALL:
            ways.append(-1)
        if column < size - 3 and tiles[tile + 2] == WALL:
            ways.append(1)
        if not ways:
            trail.pop()
            continue
        number, random = choice(random, len(ways))
        way = ways[number]
        tiles[tile + way] = tiles[tile + 2 * way] = OPEN
        trail.append(tile + 2 * way)
    return tiles, random


def _open_loops(tiles: list[str], size: int, percent: int, random: int) -> int:
    """Opens that share, rounded down, of the walls between two cells; a wall between cells has one odd coordinate."""
    walls = [
        tile
        for row in range(1, size - 1)
        for tile in range(row * size + 1 + row % 2, row * size + size - 1, 2)
        if tiles[tile] == WALL
    ]
    for _ in range(len(walls) * percent // 100):
        number, random = choice(random, len(walls))
        tiles[walls.pop(number)] = OPEN
    return random


def _placed_germs(ways: list[int], settings: Settings, random: int) -> tuple[tuple[int, ...], int]:
    """Cells at least `size` steps from the start, each once, not the exit."""
    size = settings.size
    goal = exit_tile(size)
    cells = [
        tile
        for row in range(1, size, 2)
        for tile in range(row * size + 1, row * size + size, 2)
        if ways[tile] >= size and tile != goal
    ]
    germs = []
    for _ in range(min(settings.germs, len(cells))):
        number, random = choice(random, len(cells))
        germs.append(cells.pop(number))
    return tuple(germs), random
