"""The log of a stored game: its replay, and the figures that come from nothing else.

It must not know models, runs or HTTP.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from lam.errors import RulesChanged
from lam.maze import rules
from lam.maze.actions import log_from_json
from lam.maze.rules import Replay
from lam.maze.state import RULES, Settings
from lam.storage.models import Game

MOST_STATES: Final = 20_000  # of all replays in memory
LONG: Final = 200  # actions; more of them are replayed in a thread, so that the event loop goes on


class Replays:
    """The replays of stored games. The latest ones stay in memory, so that a long game is not played anew for each request."""

    def __init__(self, most_states: int = MOST_STATES) -> None:
        self._most_states = most_states
        self._states = 0
        self._recent: OrderedDict[int, tuple[list[dict[str, Any]], Replay]] = OrderedDict()

    async def of(self, game: Game) -> Replay:
        """Returns the replay of the game's log. Raises RulesChanged for a game of another version, and BadLog for a log that is
        none."""
        settings = _settings(game)
        log, replay = self._take(game)
        if replay is None:
            replay = rules.replay(game.seed, settings, ())
        rest = game.actions[len(log) :]
        if len(rest) > LONG:
            replay = await asyncio.to_thread(rules.extend, replay, log_from_json(rest))
        elif rest:
            replay = rules.extend(replay, log_from_json(rest))
        self._keep(game, replay)
        return replay

    def _take(self, game: Game) -> tuple[list[dict[str, Any]], Replay | None]:
        """Removes and returns what is in memory of the game, as far as its log agrees."""
        if game.id not in self._recent:
            return [], None
        log, replay = self._recent.pop(game.id)
        self._states -= len(replay.states)
        return (log, replay) if game.actions[: len(log)] == log else ([], None)

    def _keep(self, game: Game, replay: Replay) -> None:
        if game.id in self._recent:  # another request was as quick
            self._take(game)
        self._recent[game.id] = (game.actions, replay)
        self._states += len(replay.states)
        while self._states > self._most_states:
            _, (_, dropped) = self._recent.popitem(last=False)
            self._states -= len(dropped.states)


def replayed(game: Game, log: Sequence[Any]) -> Replay:
    """Plays another log in the game's maze, decoded JSON. Raises RulesChanged, BadLog."""
    return rules.replay(game.seed, _settings(game), log)


def figures(game: Game, replay: Replay, now: datetime) -> dict[str, Any]:
    """Returns the columns of the game that follow from the replay of its log."""
    result = replay.result
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


def _settings(game: Game) -> Settings:
    """Returns the game's settings. Raises RulesChanged for a game of another version of the rules."""
    if game.rules != RULES:
        raise RulesChanged
    try:
        return msgspec.convert(game.settings, Settings)
    except msgspec.ValidationError as error:
        raise RulesChanged from error
