"""Makes contracts/mazes/: games of the maze with every state, which Python and TypeScript both have to reproduce.

`contracts/mazes/README.md` describes the files.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec

from lam.maze import rules
from lam.maze.actions import (
    DIRECTIONS,
    Action,
    BreakWall,
    FreezeGerms,
    Logged,
    Move,
    Path,
    Scan,
    SlowGerms,
    Unreadable,
    Wait,
    to_json,
)
from lam.maze.baselines import shortest_path
from lam.maze.carving import choice, generate
from lam.maze.state import RULES, Powers, Settings, State

GAMES: Final = 1000
ACTIONS: Final = 200


def contracts() -> dict[str, str]:
    """Returns the text of each file by its name."""
    files = {name: json.dumps(_whole(about, seed, settings, log)) for name, about, seed, settings, log in _games()}
    lines = ",\n".join(json.dumps(_digest(number)) for number in range(GAMES))
    return {f"{name}.json": text + "\n" for name, text in files.items()} | {"games.json": f"[\n{lines}\n]\n"}


def _games() -> Iterator[tuple[str, str, int, Settings, Sequence[Logged]]]:
    small = Settings(size=7, loops=0, germs=0)
    yield "won", "The shortest way, one step after the other.", 28, small, _steps(28, small)
    yield "paths", "The same way in paths; the world stops at the exit, inside the last one.", 28, small, _paths(28, small)
    yield "oxygen", "Waiting until the oxygen is used up.", 3, msgspec.structs.replace(small, oxygen=9), [Wait()] * 9
    germs = Settings(size=9, loops=10, germs=2)
    yield "germ", "A germ on the shortest way.", 4, germs, _steps(4, germs)
    crowd = Settings(size=15, loops=60, germs=5, powers=Powers(9, 9, 9, 9))
    favours = [SlowGerms(), FreezeGerms(), BreakWall("down"), Move("right"), Wait()]
    yield "powers", "Many powers among germs.", 48, crowd, _chosen(48, crowd, 60, favours)
    fog = Settings(size=11, loops=30, germs=2, fog=True)
    yield "fog", "Steps, scans and paths in the fog.", 53, fog, _chosen(53, fog, 60, [Scan(), Wait()])
    dim = msgspec.structs.replace(small, fog=True, powers=Powers(1, 0, 0, 0))
    yield "illegal", "Illegal actions of each kind, as a log has them.", 3, dim, _illegal()
    large = Settings(size=33, loops=100, germs=12, powers=Powers(0, 0, 0, 0))
    yield "large", "The largest maze, all walls between cells open.", 2**32 - 1, large, _steps(2**32 - 1, large)
    yield (
        "least",
        "The smallest maze, too small for germs.",
        0,
        Settings(size=5, loops=0, germs=12),
        [Unreadable(), BreakWall("right")],
    )


def _whole(about: str, seed: int, settings: Settings, log: Sequence[Logged]) -> dict[str, Any]:
    replay = rules.replay(seed, settings, log)
    states = [msgspec.to_builtins(state) for state in replay.states]
    changes = [{name: value for name, value in after.items() if value != before[name]} for before, after in pairwise(states)]
    return {
        "about": about,
        "rules": RULES,
        "seed": seed,
        "settings": msgspec.to_builtins(settings),
        "actions": [to_json(action) for action in log],
        "start": states[0],
        "changes": changes,
        "legal": replay.legal,
        "result": msgspec.to_builtins(replay.result),
    }


def _digest(number: int) -> dict[str, Any]:
    """One of the thousand games: settings and actions follow from its number."""
    source = Draws(number)
    settings = Settings(
        size=5 + 2 * source.draw(15),
        loops=source.draw(101),
        germs=source.draw(13) * source.draw(2),
        fog=source.draw(2) == 1,
        oxygen=source.draw(2) * source.draw(500),
        powers=Powers(source.draw(10), source.draw(10), source.draw(10), source.draw(10)),
    )
    state = generate(source.random, settings)
    digest = hashlib.sha256(_line(state))
    count = 0
    while state.status == "playing" and count < ACTIONS:
        action = source.action()
        if rules.legal(state, action):
            state = rules.apply(state, action)
            digest.update(_line(state))
            count += 1
    return {"actions": count, "status": state.status, "score": rules.score(state), "sha256": digest.hexdigest()[:16]}


class Draws:
    """What a game's number decides, with the random numbers of the maze."""

    def __init__(self, number: int) -> None:
        self.random = number

    def draw(self, n: int) -> int:
        value, self.random = choice(self.random, n)
        return value

    def action(self) -> Action:
        """A step half of the time, else any action; not always legal."""
        if self.draw(2):
            return Move(DIRECTIONS[self.draw(4)])
        match self.draw(6):
            case 0:
                return Path(tuple(DIRECTIONS[self.draw(4)] for _ in range(1 + self.draw(8))))
            case 1:
                return BreakWall(DIRECTIONS[self.draw(4)])
            case 2:
                return SlowGerms()
            case 3:
                return FreezeGerms()
            case 4:
                return Scan()
        return Wait()


def _line(state: State) -> bytes:
    """The values of a state as one line of JSON."""
    values = msgspec.structs.astuple(state)[1:]
    return msgspec.json.encode(values) + b"\n"


def _steps(seed: int, settings: Settings) -> list[Move]:
    states = shortest_path(seed, settings).states
    names = {-settings.size: "up", settings.size: "down", -1: "left", 1: "right"}
    return [Move(names[after.player - before.player]) for before, after in pairwise(states)]


def _paths(seed: int, settings: Settings) -> list[Path]:
    directions = [step.direction for step in _steps(seed, settings)]
    cut = [tuple(directions[i : i + 5]) for i in range(0, len(directions), 5)]
    back = {"right": "left", "down": "up"}[directions[-1]]
    return [*map(Path, cut[:-1]), Path((*cut[-1], back))]


def _chosen(seed: int, settings: Settings, most: int, favours: Sequence[Action]) -> list[Action]:
    """Legal actions by chance, these half of the time."""
    source = Draws(seed)
    state = generate(seed, settings)
    log: list[Action] = []
    while state.status == "playing" and len(log) < most:
        actions = rules.actions_of(state)
        choices = [action for action in favours if action in actions] if source.draw(2) else actions
        log.append(action := choices[source.draw(len(choices))])
        state = rules.apply(state, action)
    return log


def _illegal() -> list[Logged]:
    return [
        Move("up"),
        Path(("down", "down", "left", "right")),
        Path(("down", "down", "right", "right", "right")),
        BreakWall("up"),
        BreakWall("down"),
        SlowGerms(),
        FreezeGerms(),
        Scan(),
        Unreadable(),
        BreakWall("right"),
        Move("right"),
        BreakWall("right"),
    ]
