"""Games without a model, beside which a model's games are judged. Pure."""

from typing import Final

from lam.maze.actions import DIRECTIONS, Direction, Move
from lam.maze.carving import choice, distances, generate
from lam.maze.rules import Replay, apply, offset
from lam.maze.state import OPEN, Seed, Settings, State

RANDOM_MOVES: Final = "random legal moves"
SHORTEST_PATH: Final = "shortest path"


def random_legal(seed: Seed, settings: Settings, game_seed: Seed) -> Replay:
    """Returns a game in which each tick is a step in a random open direction. `game_seed`: of those choices; each is another
    game."""
    state = generate(seed, settings)
    states = [state]
    random = game_seed
    while state.status == "playing":
        ways = _open_directions(state)
        number, random = choice(random, len(ways))
        state = apply(state, Move(ways[number]))
        states.append(state)
    return Replay(tuple(states), (True,) * (len(states) - 1))


def shortest_path(seed: Seed, settings: Settings) -> Replay:
    """Returns a game along a shortest way, also through the fog, that heeds no germ: a germ may end it. Of two directions that
    lead on, the first in the order up, down, left, right."""
    state = generate(seed, settings)
    size = settings.size
    ways = distances(state.grid, size, state.exit)
    states = [state]
    while state.status == "playing":
        nearer = (way for way in _open_directions(state) if ways[state.player + offset(size, way)] < ways[state.player])
        state = apply(state, Move(next(nearer)))
        states.append(state)
    return Replay(tuple(states), (True,) * (len(states) - 1))


def _open_directions(state: State) -> list[Direction]:
    size = state.settings.size
    return [way for way in DIRECTIONS if state.grid[state.player + offset(size, way)] == OPEN]
