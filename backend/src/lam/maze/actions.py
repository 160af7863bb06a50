"""What can be done in a maze: one JSON shape for answers, the API, logs and contracts, tagged by `action`. Pure.

It knows no state; `rules.py` decides what is legal and what an action does.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

LONGEST_PATH: Final = 8

Direction = Literal["up", "down", "left", "right"]
DIRECTIONS: Final[tuple[Direction, ...]] = ("up", "down", "left", "right")  # the order of everything that is drawn
PowerName = Literal["break_wall", "slow_germs", "freeze_germs", "scan"]


class _Action(Struct, frozen=True, forbid_unknown_fields=True, tag_field="action"):
    pass


class Move(_Action, frozen=True, tag="move"):
    """One step."""

    direction: Direction


class Path(_Action, frozen=True, tag="path"):
    """Up to eight steps, one after the other; each takes a tick."""

    directions: Annotated[tuple[Direction, ...], Meta(min_length=1, max_length=LONGEST_PATH)]


class BreakWall(_Action, frozen=True, tag="break_wall"):
    """Opens the wall beside the player, who stays where they are."""

    direction: Direction


class SlowGerms(_Action, frozen=True, tag="slow_germs"):
    """Germs walk every second tick for a while."""


class FreezeGerms(_Action, frozen=True, tag="freeze_germs"):
    """Germs stand still for a while."""


class Scan(_Action, frozen=True, tag="scan"):
    """Lifts the fog around the player for good."""


class Wait(_Action, frozen=True, tag="wait"):
    """A tick passes."""


class Unreadable(_Action, frozen=True, tag="unreadable"):
    """An answer that named no action, as a log keeps it: always illegal. Nobody can ask for it."""


Action = Move | Path | BreakWall | SlowGerms | FreezeGerms | Scan | Wait
Logged = Action | Unreadable


def from_json(raw: Any) -> Action:
    """Returns the action of decoded JSON. Raises ValueError with the reason for any other shape."""
    try:
        action: Action = msgspec.convert(raw, Action)
        return action
    except (msgspec.ValidationError, RecursionError) as error:
        raise ValueError(str(error)) from error


def log_from_json(raw: Any) -> tuple[Logged, ...]:
    """Returns the actions of a game's log from decoded JSON. Raises ValueError with the reason for any other shape."""
    try:
        return msgspec.convert(raw, tuple[Logged, ...])
    except (msgspec.ValidationError, RecursionError) as error:
        raise ValueError(str(error)) from error


def to_json(action: Logged) -> dict[str, Any]:
    """Returns the action as JSON has it."""
    raw: dict[str, Any] = msgspec.to_builtins(action)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in raw.items()}
