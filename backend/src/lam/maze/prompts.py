"""What a model reads before it acts: the template's text, then the game as it knows it. Pure.

What stays the same during a game comes first, so that a server with a prompt cache reads it once. In the fog nothing is written
that the player does not know. No way is worked out for the model: finding it is what is measured.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from lam.maze.actions import DIRECTIONS, LONGEST_PATH, BreakWall, Logged, Move, Path, Unreadable, to_json
from lam.maze.rules import FREEZE_TICKS, ILLEGAL_POINTS, POWER_POINTS, SCAN_SIGHT, SLOW_TICKS, objection, offset
from lam.maze.state import WALL, State
from lam.protocol.chat import Turn

HISTORY: Final = 6  # actions that a model is reminded of
REASONS: Final = {
    "unreadable": "your answer held no action",
    "wall": "there is a wall",
    "fog": "the path leads through tiles you have not seen",
    "spent": "none is left",
    "border": "the border cannot be broken",
    "open": "there is no wall",
}


class Past(Struct, frozen=True):
    """An action with the states around it."""

    action: Logged
    before: State
    after: State


def pasts(states: Sequence[State], actions: Sequence[Logged]) -> list[Past]:
    """Returns the last actions of a game, as many as a model is reminded of. `states`: one more than actions, as in a replay."""
    first = max(0, len(actions) - HISTORY)
    return [Past(actions[i], states[i], states[i + 1]) for i in range(first, len(actions))]


def turns(prompt: str, state: State, history: Sequence[Past]) -> tuple[Turn, ...]:
    """Returns the turns for a model: a system turn from the template's filled text, if there is one, and the user's turn."""
    user = Turn("user", "\n\n".join((_task(state), *_history(history), _situation(state))))
    return (Turn("system", prompt), user) if prompt.strip() else (user,)


def _task(state: State) -> str:
    germs = " After each tick every germ G walks one tile; if one meets you, you lose." if state.settings.germs else ""
    lines = [
        f"You walk through a maze. Reach the exit E in as few ticks as you can.{germs} When your oxygen is used up, you lose. Each"
        f" illegal action costs {ILLEGAL_POINTS} points, each power {POWER_POINTS}.",
        'Choose one action. DIRECTION is "up", "down", "left" or "right".',
        *_actions(state),
        'Answer with one JSON object and nothing else: {"say": WHY, "do": ACTION}. WHY is one short sentence in quotes.',
    ]
    return "\n".join(lines)


def _actions(state: State) -> Iterator[str]:
    yield '- {"action": "move", "direction": DIRECTION}: one step'
    bounds = "into a wall or onto a tile you have not seen" if state.settings.fog else "into a wall"
    yield f'- {{"action": "path", "directions": [DIRECTION, DIRECTION]}}: up to {LONGEST_PATH} steps, one tick each, none {bounds}'
    powers = state.settings.powers
    if powers.break_wall:
        yield '- {"action": "break_wall", "direction": DIRECTION}: opens the wall beside you, not the border'
    if powers.slow_germs and state.settings.germs:
        yield f'- {{"action": "slow_germs"}}: germs walk at half speed for {SLOW_TICKS} ticks'
    if powers.freeze_germs and state.settings.germs:
        yield f'- {{"action": "freeze_germs"}}: germs stand still for {FREEZE_TICKS} ticks'
    if powers.scan and state.settings.fog:
        yield f'- {{"action": "scan"}}: shows the map up to {SCAN_SIGHT} tiles away'
    yield '- {"action": "wait"}: one tick passes'


def _history(history: Sequence[Past]) -> Iterator[str]:
    if history:
        yield "\n".join(("Your last actions:", *(f"- {_name(past.action)}: {_effect(past)}" for past in history[-HISTORY:])))


def _name(action: Logged) -> str:
    match action:
        case Move() | BreakWall():
            return f"{to_json(action)['action']} {action.direction}"
        case Path():
            return f"path {', '.join(action.directions)}"
        case Unreadable():
            return "no action"
    return str(to_json(action)["action"])


def _effect(past: Past) -> str:
    reason = objection(past.before, past.action)
    if reason is not None:
        return f"ILLEGAL, {REASONS[reason]}; you waited"
    match past.action:
        case Move() | Path():
            return f"you came to {_place(past.after, past.after.player)}"
        case BreakWall():
            return "the wall is open"
    return "done"


def _situation(state: State) -> str:
    powers = [f"{name} {left}" for name in state.powers.__struct_fields__ if (left := getattr(state.powers, name))]
    return "\n".join(
        (
            "The map now. Rows and columns count from 0 at the top left. # wall, . open, P you, E exit, G germ"
            + (", ? not seen yet" if state.known else "")
            + ".",
            *_map(state),
            f"You are at {_place(state, state.player)}. The exit is at {_place(state, state.exit)}: {_bearing(state)}.",
            f"Beside you: {', '.join(_neighbours(state))}.",
            *_germs(state),
            f"Oxygen left: {state.oxygen} ticks. Powers left: {', '.join(powers) or 'none'}.",
        )
    )


def _map(state: State) -> Iterator[str]:
    size = state.size
    tiles = [tile if state.is_known(i) else "?" for i, tile in enumerate(state.grid)]
    tiles[state.exit] = "E"
    for germ in state.germs:
        if state.is_known(germ):
            tiles[germ] = "G"
    tiles[state.player] = "P"
    if size > 10:
        yield "   " + "".join(str(column // 10) if column >= 10 else " " for column in range(size))
    yield "   " + "".join(str(column % 10) for column in range(size))
    for row in range(size):
        yield f"{row:2} {''.join(tiles[row * size : (row + 1) * size])}"


def _place(state: State, tile: int) -> str:
    row, column = divmod(tile, state.size)
    return f"row {row}, column {column}"


def _bearing(state: State) -> str:
    here, there = divmod(state.player, state.size), divmod(state.exit, state.size)
    ways = ((there[0] - here[0], "row", "down"), (there[1] - here[1], "column", "right"))
    return " and ".join(f"{count} {noun}{'s' * (count > 1)} {way}" for count, noun, way in ways if count)


def _neighbours(state: State) -> Iterator[str]:
    for direction in DIRECTIONS:
        tile = state.player + offset(state.size, direction)
        kind = "germ" if tile in state.germs else "exit" if tile == state.exit else "wall" if state.grid[tile] == WALL else "open"
        yield f"{direction} {kind}"


def _germs(state: State) -> Iterator[str]:
    if not state.germs:
        return
    near = [_place(state, germ) for germ in sorted(set(state.germs)) if state.is_known(germ)]
    yield f"Germs at {'; '.join(near)}." if near else "No germ in sight."
    if state.frozen:
        yield f"Germs stand still for {state.frozen} ticks."
    if state.slowed:
        yield f"Germs are slow for {state.slowed} ticks."
