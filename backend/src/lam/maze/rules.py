"""The rules of the maze: what is legal, what an action does, the score, and the replay of a log.

Pure, and integers only: `frontend/src/protocol/maze.ts` does the same, and both are tested with `contracts/mazes/`. A change that
makes any game go differently is another version (`state.RULES`). docs/guides/maze.md says the same for players.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from msgspec import Struct, structs

from lam.maze.actions import (
    DIRECTIONS,
    LONGEST_PATH,
    Action,
    BreakWall,
    Direction,
    FreezeGerms,
    Logged,
    Move,
    Path,
    Scan,
    SlowGerms,
    Unreadable,
    Wait,
    log_from_json,
)
from lam.maze.carving import SIGHT, choice, distances, generate, revealed
from lam.maze.state import OPEN, RULES, Settings, State, Status

SLOW_TICKS: Final = 20
FREEZE_TICKS: Final = 8
SCAN_SIGHT: Final = 6
MOST_WALKS: Final = 64
ILLEGAL_POINTS: Final = 25
POWER_POINTS: Final = 50

Objection = Literal["unreadable", "wall", "fog", "spent", "border", "open"]


class BadLog(ValueError):
    """A log that is no game's log. `reason`: a sentence for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Result(Struct, frozen=True, kw_only=True):
    """What a game amounts to. `steps`: ticks. `powers`: how many were used. `score`: see `score`."""

    status: Status
    score: int
    steps: int
    shortest: int
    illegal: int
    powers: int


class Replay(Struct, frozen=True):
    """A game as its log makes it: the state before each action and after the last; whether each action was legal."""

    states: tuple[State, ...]
    legal: tuple[bool, ...]

    @property
    def last(self) -> State:
        return self.states[-1]

    @property
    def result(self) -> Result:
        return result(self.last)


def legal(state: State, action: Logged) -> bool:
    """Returns whether the action may be done now. After the end nothing is legal."""
    return state.status == "playing" and objection(state, action) is None


def objection(state: State, action: Logged) -> Objection | None:
    """Returns why the action is illegal in this state, None if it is legal.

    `wall`: a step runs into a wall. `fog`: a step leads where the player has not looked yet. `spent`: the power has no use left.
    `border`, `open`: what is there cannot be broken. All steps of a path are judged by the state before the path.
    """
    size = state.settings.size
    match action:
        case Move():
            return None if state.grid[state.player + offset(size, action.direction)] == OPEN else "wall"
        case Path():
            return _path_objection(state, action)
        case BreakWall():
            return _wall_objection(state, action)
        case SlowGerms():
            return None if state.powers.slow_germs else "spent"
        case FreezeGerms():
            return None if state.powers.freeze_germs else "spent"
        case Scan():
            return None if state.powers.scan else "spent"
        case Wait():
            return None
        case Unreadable():
            return "unreadable"


def apply(state: State, action: Logged) -> State:
    """Returns the state after the action. An illegal action is a `wait` that counts as illegal. Raises ValueError after the end."""
    if state.status != "playing":
        raise ValueError("the game has ended")
    if objection(state, action) is not None:
        return _tick(state, 0, illegal=state.illegal + 1)
    match action:
        case Move():
            return _tick(state, offset(state.settings.size, action.direction))
        case Path():
            for direction in action.directions:
                state = _tick(state, offset(state.settings.size, direction))
                if state.status != "playing":
                    break
            return state
        case BreakWall():
            wall = state.player + offset(state.settings.size, action.direction)
            grid = state.grid[:wall] + OPEN + state.grid[wall + 1 :]
            powers = structs.replace(state.powers, break_wall=state.powers.break_wall - 1)
            return _tick(state, 0, grid=grid, powers=powers, used=state.used + 1)
        case SlowGerms():
            powers = structs.replace(state.powers, slow_germs=state.powers.slow_germs - 1)
            return _tick(state, 0, slowed=SLOW_TICKS, powers=powers, used=state.used + 1)
        case FreezeGerms():
            powers = structs.replace(state.powers, freeze_germs=state.powers.freeze_germs - 1)
            return _tick(state, 0, frozen=FREEZE_TICKS, powers=powers, used=state.used + 1)
        case Scan():
            powers = structs.replace(state.powers, scan=state.powers.scan - 1)
            known = revealed(state.known, state.settings.size, state.player, SCAN_SIGHT)
            return _tick(state, 0, known=known, powers=powers, used=state.used + 1)
    return _tick(state, 0)


def actions_of(state: State) -> list[Action]:
    """Returns the legal actions, none after the end. Of the paths, the walks that step on no tile twice and end at the exit at the
    latest, from two steps to the most (up to eight) for which there are no more than MOST_WALKS of them."""
    if state.status != "playing":
        return []
    single: list[Action] = [
        *map(Move, DIRECTIONS),
        *map(BreakWall, DIRECTIONS),
        SlowGerms(),
        FreezeGerms(),
        Scan(),
        Wait(),
    ]
    return [action for action in single if objection(state, action) is None] + [Path(walk) for walk in walks(state)]


def walks(state: State) -> list[tuple[Direction, ...]]:
    """Returns the paths among `actions_of`, shorter ones first."""
    size = state.settings.size
    steps = [(direction, offset(size, direction)) for direction in DIRECTIONS]
    edge: list[tuple[tuple[Direction, ...], tuple[int, ...]]] = [((), (state.player,))]
    result: list[tuple[Direction, ...]] = []
    for length in range(1, LONGEST_PATH + 1):
        edge = [
            ((*walk, direction), (*tiles, tiles[-1] + step))
            for walk, tiles in edge
            if tiles[-1] != state.exit
            for direction, step in steps
            if tiles[-1] + step not in tiles and state.grid[tiles[-1] + step] == OPEN and state.is_known(tiles[-1] + step)
        ]
        if length > 1:
            if len(result) + len(edge) > MOST_WALKS:
                break
            result.extend(walk for walk, _ in edge)
    return result


def shortest(state: State) -> int:
    """Returns the steps from the player to the exit through what is open now, known or not."""
    return distances(state.grid, state.settings.size, state.player)[state.exit]


def score(state: State) -> int:
    """Returns the score of a game, live while it is played.

    Who reaches the exit gets 1000 points times the shortest way, divided by the ticks that the game took, rounded down. Each
    illegal action costs 25 points, each power 50. A win is worth at least 1 point. Everything else is worth 0. The shortest way is
    that of the maze at the start, through no wall. Tokens and time never count.
    """
    if state.status != "won":
        return 0
    return max(1, 1000 * state.shortest // state.tick - ILLEGAL_POINTS * state.illegal - POWER_POINTS * state.used)


def result(state: State) -> Result:
    """Returns what the game amounts to at this state."""
    return Result(
        status=state.status,
        score=score(state),
        steps=state.tick,
        shortest=state.shortest,
        illegal=state.illegal,
        powers=state.used,
    )


def replay(seed: int, settings: Settings, actions: Iterable[Logged] | Sequence[Any], *, rules: int = RULES) -> Replay:
    """Plays a log: actions, or decoded JSON. Raises BadLog for another version of the rules, anything that is no action, a bad
    seed, and an action after the end."""
    if rules != RULES:
        raise BadLog(f"The log follows version {rules} of the rules; this is version {RULES}.")
    try:
        state = generate(seed, settings)
        log = log_from_json(list(actions))
    except (ValueError, TypeError) as error:
        raise BadLog(f"The log is malformed: {error}.") from error
    return extend(Replay((state,), ()), log)


def extend(replay: Replay, actions: Iterable[Logged]) -> Replay:
    """Plays more actions after those of a replay. Raises BadLog for an action after the end."""
    state, states, lawful = replay.last, list(replay.states), list(replay.legal)
    for action in actions:
        if state.status != "playing":
            raise BadLog(f"Action {len(states)} comes after the end of the game.")
        lawful.append(objection(state, action) is None)
        state = apply(state, action)
        states.append(state)
    return Replay(tuple(states), tuple(lawful))


def _tick(state: State, step: int, **changes: Any) -> State:
    """Returns the state one tick later. `step`: what is added to the player's tile. `changes`: what the action itself changed."""
    if changes:
        state = structs.replace(state, **changes)
    size = state.settings.size
    tick, player, known = state.tick + 1, state.player, state.known
    if step:
        player += step
        if known:
            known = revealed(known, size, player, SIGHT)
        if player in state.germs:
            return structs.replace(state, tick=tick, player=player, known=known, status="germ")
        if player == state.exit:
            return structs.replace(state, tick=tick, player=player, known=known, status="won")
    germs, came, random = state.germs, state.came, state.random
    if germs and not state.frozen and (state.slowed % 2 == 1 or not state.slowed):
        germs, came, random = _walked(state.grid, size, germs, came, random)
    oxygen = state.oxygen
    status: Status = "playing"
    if player in germs:
        status = "germ"
    else:
        oxygen -= 1
        if not oxygen:
            status = "oxygen"
    return structs.replace(
        state,
        tick=tick,
        player=player,
        known=known,
        germs=germs,
        came=came,
        random=random,
        oxygen=oxygen,
        slowed=max(0, state.slowed - 1),
        frozen=max(0, state.frozen - 1),
        status=status,
    )


def _walked(
    grid: str, size: int, germs: tuple[int, ...], came: tuple[int, ...], random: int
) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Each germ in turn goes to an open neighbour by chance, back to where it came from only out of a dead end."""
    walked = []
    for tile, before in zip(germs, came, strict=True):
        ways = [near for near in (tile - size, tile + size, tile - 1, tile + 1) if near != before and grid[near] == OPEN]
        if len(ways) > 1:
            number, random = choice(random, len(ways))
            walked.append(ways[number])
        else:
            walked.append(ways[0] if ways else before)
    return tuple(walked), germs, random


def _path_objection(state: State, path: Path) -> Objection | None:
    size, tile = state.settings.size, state.player
    for direction in path.directions:
        tile += offset(size, direction)
        if not state.is_known(tile):
            return "fog"
        if state.grid[tile] != OPEN:
            return "wall"
    return None


def _wall_objection(state: State, action: BreakWall) -> Objection | None:
    size = state.settings.size
    tile = state.player + offset(size, action.direction)
    if state.grid[tile] == OPEN:
        return "open"
    row, column = divmod(tile, size)
    if not (0 < row < size - 1 and 0 < column < size - 1):
        return "border"
    return None if state.powers.break_wall else "spent"


def offset(size: int, direction: Direction) -> int:
    """Returns what a step in this direction adds to a tile's number."""
    match direction:
        case "up":
            return -size
        case "down":
            return size
        case "left":
            return -1
        case "right":
            return 1
