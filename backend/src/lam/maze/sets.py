"""The maze sets that come with the product. Pure.

Their seeds never change: leaderboards compare games of the same maze. They were chosen so that each maze has forks, and can be won
without powers in no more than one and a half times the shortest way; where there are germs, the shortest way is safe in every
second maze.
"""

from typing import Final

from msgspec import Struct

from lam.maze.state import Seed, Settings


class MazeSet(Struct, frozen=True, kw_only=True):
    """Mazes with the same settings. `seeds`: one per maze; maze 1 is the first."""

    name: str
    title: str
    description: str
    settings: Settings
    seeds: tuple[Seed, ...]


SETS: Final = (
    MazeSet(
        name="practice",
        title="Practice",
        description="Three tiny mazes without germs: for a first prompt.",
        settings=Settings(size=7, loops=0, germs=0),
        seeds=(3, 28, 42),
    ),
    MazeSet(
        name="small",
        title="Small",
        description="Ten small mazes with two germs and a few loops.",
        settings=Settings(size=9, loops=10, germs=2),
        seeds=(3, 4, 29, 83, 111, 153, 164, 178, 190, 198),
    ),
    MazeSet(
        name="germs",
        title="Germs",
        description="Ten mazes with five germs, and loops to get round them.",
        settings=Settings(size=15, loops=20, germs=5),
        seeds=(2, 6, 56, 58, 65, 66, 76, 81, 84, 93),
    ),
    MazeSet(
        name="fog",
        title="Fog",
        description="Ten mazes in the fog with three germs: only what has been near is known.",
        settings=Settings(size=15, loops=10, germs=3, fog=True),
        seeds=(7, 9, 20, 21, 30, 31, 33, 39, 41, 48),
    ),
    MazeSet(
        name="large",
        title="Large",
        description="Five large mazes with six germs.",
        settings=Settings(size=25, loops=20, germs=6),
        seeds=(2, 3, 8, 11, 13),
    ),
)
