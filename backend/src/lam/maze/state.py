"""The values of a game: its settings, and its state at one tick. Pure, immutable, and JSON in the same shape.

A maze is a square of tiles, numbered from 0 row by row. Cells lie on odd rows and columns, walls and ways between them. It knows
no rules.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

RULES: Final = 1  # the version of the rules; a game of another version cannot be replayed
LARGEST_SEED: Final = 2**32 - 1
LARGEST_MAZE: Final = 33
MOST_TICKS: Final = 9999

WALL: Final = "#"
OPEN: Final = "."
KNOWN: Final = "1"
UNKNOWN: Final = "0"

Seed = Annotated[int, Meta(ge=0, le=LARGEST_SEED)]
Budget = Annotated[int, Meta(ge=0, le=9)]
Status = Literal["playing", "won", "germ", "oxygen"]


def _check(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ValueError(f"`{name}` is a number from {least} to {most}")


class Powers(Struct, frozen=True, forbid_unknown_fields=True):
    """How often each power may be used."""

    break_wall: Budget = 3
    slow_germs: Budget = 2
    freeze_germs: Budget = 2
    scan: Budget = 3

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            _check(name, getattr(self, name), 0, 9)


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a maze is like.

    `size`: tiles of a side, odd. `loops`: percent of the walls between cells that are opened after the maze is carved. `germs`: at
    most so many. `oxygen`: ticks; 0 means four times the shortest way plus `size`, and it is never less than the shortest way.
    """

    size: Annotated[int, Meta(ge=5, le=LARGEST_MAZE)] = 9
    loops: Annotated[int, Meta(ge=0, le=100)] = 10
    germs: Annotated[int, Meta(ge=0, le=12)] = 2
    fog: bool = False
    oxygen: Annotated[int, Meta(ge=0, le=MOST_TICKS)] = 0
    powers: Powers = Powers()

    def __post_init__(self) -> None:
        _check("size", self.size, 5, LARGEST_MAZE)
        _check("loops", self.loops, 0, 100)
        _check("germs", self.germs, 0, 12)
        _check("oxygen", self.oxygen, 0, MOST_TICKS)
        if self.size % 2 == 0:
            raise ValueError("`size` is an odd number")


class State(Struct, frozen=True, kw_only=True):
    """A game at one tick.

    `grid`: one character per tile, WALL or OPEN. `known`: one per tile, KNOWN or UNKNOWN; empty without fog. `came`: the tile that
    each germ came from, -1 at first. `random`: the state of the random numbers. `oxygen`, `slowed`, `frozen`: ticks left. `powers`:
    uses left. `illegal`, `used`: illegal actions and powers used so far. `shortest`: steps from the start to the exit.
    """

    settings: Settings
    grid: str
    known: str
    player: int
    germs: tuple[int, ...]
    came: tuple[int, ...]
    random: int
    tick: int = 0
    oxygen: int
    powers: Powers
    slowed: int = 0
    frozen: int = 0
    illegal: int = 0
    used: int = 0
    shortest: int
    status: Status = "playing"

    @property
    def size(self) -> int:
        return self.settings.size

    @property
    def exit(self) -> int:
        return exit_tile(self.settings.size)

    def is_known(self, tile: int) -> bool:
        """Returns whether the player knows what is on this tile: always without fog. Germs on other tiles are not in sight."""
        return not self.known or self.known[tile] == KNOWN


def start_tile(size: int) -> int:
    return size + 1


def exit_tile(size: int) -> int:
    return (size - 2) * size + size - 2
