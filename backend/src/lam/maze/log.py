"""The log of a stored game: its replay, and the figures that come from nothing else.

It must not know models, runs or HTTP.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from lam.errors import RulesChanged
from lam.maze import rules
from lam.maze.rules import Replay
from lam.maze.state import RULES, Settings
from lam.storage.models import Game


def settings_of(game: Game) -> Settings:
    """Returns the game's settings. Raises RulesChanged for those of another version of the rules."""
    try:
        return msgspec.convert(game.settings, Settings)
    except msgspec.ValidationError as error:
        raise RulesChanged from error


def replayed(game: Game, after: int | None = None, log: Sequence[Any] | None = None) -> Replay:
    """Plays the game's log, up to `after` actions of it, or another `log` in the game's maze.

    Raises RulesChanged for a game of another version, and BadLog for a log that is none.
    """
    if game.rules != RULES:
        raise RulesChanged
    actions = game.actions if log is None else log
    return rules.replay(game.seed, settings_of(game), actions[:after])


def figures(game: Game, log: Sequence[dict[str, Any]], now: datetime) -> dict[str, Any]:
    """Returns the columns of the game that follow from this log."""
    result = replayed(game, log=log).result
    figures: dict[str, Any] = {
        "status": result.status,
        "steps": result.steps,
        "shortest": result.shortest,
        "illegal": result.illegal,
    }
    if result.status != "playing":
        figures |= {"score": result.score, "ended_at": now}
        if game.mode == "manual":
            figures["seconds"] = (now - game.created_at).total_seconds()
    return figures
