"""The games in contracts/mazes are what the rules say, and show each rule. `tests/test_generated.py` compares the files' text."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lam.maze import rules
from lam.maze.actions import Action, log_from_json
from lam.maze.state import Settings

FOLDER = Path(__file__).resolve().parents[3] / "contracts" / "mazes"
GAMES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.json")}
WHOLE = {name: game for name, game in GAMES.items() if name != "games"}


def replayed(game: dict[str, Any]) -> rules.Replay:
    return rules.replay(game["seed"], msgspec.convert(game["settings"], Settings), game["actions"], rules=game["rules"])


@pytest.mark.parametrize("game", WHOLE.values(), ids=WHOLE)
def test_a_game_goes_as_it_is_written(game: dict[str, Any]) -> None:
    replay = replayed(game)
    state = game["start"]
    states = [state, *(state := state | change for change in game["changes"])]
    assert json.loads(msgspec.json.encode(replay.states)) == states
    assert list(replay.legal) == game["legal"]
    assert msgspec.to_builtins(replay.result) == game["result"]


def test_the_games_show_every_action_objection_and_end() -> None:
    replays = [replayed(game) for game in WHOLE.values()]
    actions = [action for game in WHOLE.values() for action in log_from_json(game["actions"])]
    states = [state for replay in replays for state in replay.states[:-1]]
    objections = {rules.objection(state, action) for state, action in zip(states, actions, strict=True)}
    assert objections == {None, "unreadable", "wall", "fog", "spent", "border", "open"}
    assert {type(action) for action in actions} >= set(Action.__args__)
    assert {replay.last.status for replay in replays} == {"playing", "won", "germ", "oxygen"}


def test_the_thousand_games_end_in_every_way() -> None:
    ends = [game["status"] for game in GAMES["games"]]
    assert len(ends) == 1000
    assert min(ends.count(end) for end in ("playing", "won", "germ", "oxygen")) > 50
    assert sum(game["actions"] for game in GAMES["games"]) > 100_000
