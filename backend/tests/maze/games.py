"""Games for tests: mazes drawn by hand, and games by chance."""

import random
from collections.abc import Iterator, Sequence

import hypothesis
import msgspec
from hypothesis import strategies as st

from lam.maze import rules
from lam.maze.actions import Action, BreakWall, FreezeGerms, Move, Path, Scan, SlowGerms, Wait
from lam.maze.carving import generate, revealed
from lam.maze.state import OPEN, Powers, Settings, State

unhurried = hypothesis.settings(deadline=None)  # games take as long as the machine needs
SEEDS = st.integers(0, 2**32 - 1)
SETTINGS = st.builds(
    Settings,
    size=st.sampled_from(range(5, 34, 2)),
    loops=st.integers(0, 100),
    germs=st.integers(0, 12),
    fog=st.booleans(),
    oxygen=st.sampled_from((0, 0, 0, 1, 50, 9999)),
    powers=st.builds(Powers, *[st.integers(0, 9)] * 4),
)

DIRECTIONS = st.sampled_from(("up", "down", "left", "right"))
ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.builds(Move, DIRECTIONS),
    st.builds(Path, st.lists(DIRECTIONS, min_size=1, max_size=8).map(tuple)),
    st.builds(BreakWall, DIRECTIONS),
    st.sampled_from((SlowGerms(), FreezeGerms(), Scan(), Wait())),
)


def drawn(picture: str, germs: Sequence[int] = (), **changes: object) -> State:
    """A game in this maze. P: the player; the exit is in the corner. Germs stand on these tiles."""
    rows = picture.split()
    size = len(rows)
    tiles = "".join(rows)
    settings = Settings(size=size, loops=0, germs=len(germs), fog=bool(changes.pop("fog", False)))
    state = State(
        settings=settings,
        grid=tiles.replace("P", OPEN),
        known=revealed("0" * size**2, size, tiles.index("P"), 2) if settings.fog else "",
        player=tiles.index("P"),
        germs=tuple(germs),
        came=(-1,) * len(germs),
        random=1,
        oxygen=100,
        powers=settings.powers,
        shortest=10,
    )
    return msgspec.structs.replace(state, **changes)


def chosen(state: State, source: random.Random) -> Action:
    """A legal action by chance: first its kind, then which."""
    kinds: dict[type, list[Action]] = {}
    for action in rules.actions_of(state):
        kinds.setdefault(type(action), []).append(action)
    return source.choice(kinds[source.choice(sorted(kinds, key=lambda kind: kind.__name__))])


def played(seed: int, settings: Settings, choices: int, most: int = 200) -> Iterator[tuple[State, Action]]:
    """Legal actions by chance, each with the state before it."""
    source = random.Random(choices)
    state = generate(seed, settings)
    while state.status == "playing" and most:
        action = chosen(state, source)
        yield state, action
        state = rules.apply(state, action)
        most -= 1


CORRIDOR = """
#######
#P....#
#####.#
#...#.#
#.###.#
#.....#
#######
"""
