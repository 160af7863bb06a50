"""Measures the rules of the maze at their largest: 33 by 33 tiles, twelve germs, in the fog.

`make bench-full` runs it. Goals: a maze in 5 ms, a tick in 50 µs. CPU time of this process, over many games.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import tables
from results import about, keep, rounded

from lam.maze import answers, prompts, rules
from lam.maze.actions import Action, Move, Scan
from lam.maze.carving import choice, generate
from lam.maze.state import Settings, State

QUESTION: Final = "The rules of the maze, 33×33 tiles, 12 germs, fog: what does each step cost?"
SETTINGS: Final = Settings(size=33, loops=30, germs=12, fog=True)
REPEAT: Final = 5


def cpu_us(calls: Sequence[Callable[[], Any]]) -> float:
    """CPU time of a call, the best of some rounds over all of them: other work on the machine only adds to it."""
    rounds = []
    for _ in range(REPEAT):
        began = time.process_time()
        for call in calls:
            call()
        rounds.append(1e6 * (time.process_time() - began) / len(calls))
    return rounded(min(rounds))


def middle(seed: int) -> tuple[State, list[Action]]:
    """A game after some legal actions, with its log."""
    state, draws = generate(seed, SETTINGS), seed
    log: list[Action] = []
    while len(log) < 30:
        actions = rules.actions_of(state) if log else [Scan()]
        number, draws = choice(draws, len(actions))
        following = rules.apply(state, actions[number])
        if following.status != "playing":
            break
        state = following
        log.append(actions[number])
    return state, log


def maze(mazes: int) -> dict[str, Any]:
    games = [middle(seed) for seed in range(mazes)]
    states = [state for state, _ in games]
    moves = [(state, next(action for action in rules.actions_of(state) if isinstance(action, Move))) for state in states]
    written = '{"say": "' + "a short sentence " * 10 + '", "do": {"action": "path", "directions": ["up", "left"]}}'
    logs = [(seed, log) for seed, (_, log) in enumerate(games) if log]
    return {
        "cpu_us_generate": cpu_us([partial(generate, seed, SETTINGS) for seed in range(mazes)]),
        "cpu_us_legal": cpu_us([partial(rules.legal, *pair) for pair in moves]),
        "cpu_us_apply": cpu_us([partial(rules.apply, *pair) for pair in moves]),
        "cpu_us_actions": cpu_us([partial(rules.actions_of, state) for state in states]),
        "cpu_us_schema": cpu_us([partial(answers.schema, state, "legal") for state in states]),
        "cpu_us_prompt": cpu_us([partial(prompts.turns, "Play.", state, []) for state in states]),
        "cpu_us_read": cpu_us([lambda: answers.read(written)] * mazes),
        "cpu_us_replay_an_action": rounded(
            cpu_us([partial(rules.replay, game[0], SETTINGS, game[1]) for game in logs])
            * len(logs)
            / sum(len(log) for _, log in logs)
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mazes", type=int, default=200)
    parser.add_argument("--keep", action="store_true", help="write the result to bench/results/")
    args = parser.parse_args()
    result = about("maze", QUESTION, "python bench/maze.py --keep", {"mazes": args.mazes}) | {
        "contestants": {"LAM": maze(args.mazes)}
    }
    print(tables.scenario(result))
    if args.keep:
        keep(result)


if __name__ == "__main__":
    main()
