"""What a run of the lab shows: a table, baselines, and which rows differ by more than chance. Pure; slow for large runs.

Rows are a template with a model and a setting. docs/guides/lab.md says how each figure is made.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from statistics import fmean, median
from typing import Any, Final, Literal

from msgspec import Struct

from lam.lab.specs import Spec
from lam.lab.transcripts import settings_of
from lam.maze.baselines import RANDOM_MOVES, SHORTEST_PATH, random_legal, shortest_path
from lam.maze.rules import Result

RESAMPLES: Final = 10_000
MOST_DRAWS: Final = 4  # numbers of cases whose samples are kept
SEED: Final = 20_261_128
LOW: Final = 0.025
HIGH: Final = 0.975
FEWEST_CASES: Final = 6  # the same difference on each of fewer cases happens by chance more often than once in twenty times
RANDOM_GAMES: Final = 20  # of random moves per maze, at most
MOST_RANDOM_GAMES: Final = 200  # in all, but one per maze
METHOD: Final = (
    "Each row has one value per case: the mean over its repeats of solved or passed, 1 or 0. A comparison takes the cases that "
    "both rows have complete, and the mean of the differences between their values. The interval holds the middle 95 % of that "
    "mean in 10 000 samples of as many cases, drawn with replacement (a paired percentile bootstrap with a fixed seed). A winner "
    "is named only if 0 is outside of the interval and both rows have at least six cases. Beside random moves, the value of a case "
    "is the share of its random games that reach the exit. Cells that failed or were stopped, and cases without a verdict, do not "
    "count. Many comparisons at once find a difference by chance now and then: one in twenty where there is none."
)


class Cell(Struct, frozen=True, kw_only=True):
    """A cell as far as results need it."""

    template: int
    model: int
    setting: int
    task: int
    status: str
    passed: bool | None
    result: dict[str, Any] | None


class Row(Struct, frozen=True, kw_only=True):
    """The figures of one template with one model and one setting; None where there are none.

    `n`: complete cells. `passed_share`: of those with a verdict. `steps_ratio`: steps divided by the shortest way, the mean of
    solved mazes. `tokens`: prompt and completion, the mean of cells. `first_token_ms`, `total_ms`: medians.
    """

    template: int
    model: int
    setting: int
    n: int
    failed: int
    passed_share: float | None
    opinions: int
    steps_ratio: float | None
    illegal_per_game: float | None
    repaired: int | None
    score: float | None
    tokens: float | None
    first_token_ms: float | None
    total_ms: float | None


class Baseline(Struct, frozen=True, kw_only=True):
    """Games without a model on the same mazes."""

    name: str
    n: int
    passed_share: float
    steps_ratio: float | None
    score: float


class Comparison(Struct, frozen=True, kw_only=True):
    """Two rows, by number. `difference`: of a minus b, in shares of 1. `cases`: how many both have complete."""

    a: int
    b: int
    difference: float
    low: float
    high: float
    cases: int
    winner: Literal["a", "b"] | None


class Chance(Struct, frozen=True, kw_only=True):
    """A row beside random legal moves on the same mazes. `difference`: of the row minus the random games, in shares of 1."""

    row: int
    difference: float
    low: float
    high: float
    cases: int
    better: bool


class Results(Struct, frozen=True, kw_only=True):
    rows: tuple[Row, ...]
    baselines: tuple[Baseline, ...]
    chance: tuple[Chance, ...]
    comparisons: tuple[Comparison, ...]
    method: str = METHOD


def results(spec: Spec, cells: Sequence[Cell]) -> Results:
    by_row: dict[tuple[int, int, int], list[Cell]] = {
        (template, model, setting): []
        for template in range(len(spec.templates))
        for model in range(len(spec.models))
        for setting in range(len(spec.settings))
    }
    for cell in cells:
        by_row[cell.template, cell.model, cell.setting].append(cell)
    values, draw = [_by_case(mine) for mine in by_row.values()], Draws()
    random_games = _random_games(spec)
    return Results(
        rows=tuple(_row(key, mine, is_maze=spec.tasks.maze is not None) for key, mine in by_row.items()),
        baselines=tuple(_baselines(spec, random_games)),
        chance=tuple(_chances(values, [_solved_share(games) for games in random_games], draw)),
        comparisons=tuple(_comparisons(list(by_row), values, draw)),
    )


def _row(key: tuple[int, int, int], cells: Sequence[Cell], *, is_maze: bool) -> Row:
    complete = [cell for cell in cells if cell.status == "complete"]
    found = [cell.result or {} for cell in complete]
    verdicts = [cell.passed for cell in complete if cell.passed is not None]
    solved = [result for result in found if result.get("solved")]
    template, model, setting = key
    return Row(
        template=template,
        model=model,
        setting=setting,
        n=len(complete),
        failed=sum(cell.status == "failed" for cell in cells),
        passed_share=_mean(verdicts),
        opinions=sum(bool(result.get("opinion")) for result in found),
        steps_ratio=_mean(result["steps"] / result["shortest"] for result in solved if result.get("shortest")),
        illegal_per_game=_mean(_values(found, "illegal")) if is_maze else None,
        repaired=round(sum(_values(found, "repaired"))) if is_maze else None,
        score=_mean(_values(found, "score")) if is_maze else None,
        tokens=_mean(
            prompt + completion
            for prompt, completion in ((one.get("prompt_tokens"), one.get("completion_tokens")) for one in found)
            if prompt is not None and completion is not None
        ),
        first_token_ms=_median(_values(found, "first_token_ms")),
        total_ms=_median(_values(found, "total_ms")),
    )


def _values(results_: Iterable[dict[str, Any]], name: str) -> list[float]:
    return [result[name] for result in results_ if result.get(name) is not None]


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return fmean(listed) if listed else None


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


# Baselines


def _random_games(spec: Spec) -> list[list[Result]]:
    """Plays each maze of the run with random legal moves, as often as there is time for; none where there are no mazes."""
    if spec.tasks.maze is None:
        return []
    mazes, settings = spec.tasks.maze, settings_of(spec.tasks.maze)
    games = max(1, min(RANDOM_GAMES, MOST_RANDOM_GAMES // len(mazes.seeds)))
    return [[random_legal(seed, settings, game).result for game in range(games)] for seed in mazes.seeds]


def _baselines(spec: Spec, random_games: Sequence[Sequence[Result]]) -> list[Baseline]:
    if spec.tasks.maze is None:
        return []
    mazes, settings = spec.tasks.maze, settings_of(spec.tasks.maze)
    return [
        _baseline(RANDOM_MOVES, [game for games in random_games for game in games]),
        _baseline(SHORTEST_PATH, [shortest_path(seed, settings).result for seed in mazes.seeds]),
    ]


def _baseline(name: str, games: Sequence[Result]) -> Baseline:
    solved = [game for game in games if game.status == "won"]
    return Baseline(
        name=name,
        n=len(games),
        passed_share=len(solved) / len(games),
        steps_ratio=_mean(game.steps / game.shortest for game in solved),
        score=fmean(game.score for game in games),
    )


def _solved_share(games: Sequence[Result]) -> float:
    return fmean(game.status == "won" for game in games)


# Comparisons


def _chances(values: Sequence[dict[int, float]], shares: Sequence[float], draw: "Draws") -> list[Chance]:
    """Compares each row that has complete cases with random moves."""
    found = []
    for row, mine in enumerate(values):
        differences = [value - shares[task] for task, value in sorted(mine.items())] if shares else []
        if differences:
            low, high = interval(differences, draw)
            found.append(
                Chance(
                    row=row,
                    difference=fmean(differences),
                    low=low,
                    high=high,
                    cases=len(differences),
                    better=low > 0 and len(differences) >= FEWEST_CASES,
                )
            )
    return found


def _by_case(cells: Sequence[Cell]) -> dict[int, float]:
    """Returns the mean of each case over its repeats."""
    values: dict[int, list[bool]] = {}
    for cell in cells:
        if cell.status == "complete" and cell.passed is not None:
            values.setdefault(cell.task, []).append(cell.passed)
    return {task: fmean(passed) for task, passed in values.items()}


def _comparisons(keys: Sequence[tuple[int, int, int]], values: Sequence[dict[int, float]], draw: "Draws") -> list[Comparison]:
    """Compares the rows that differ in one thing: the template, the model or the setting."""
    found = []
    for a, b in combinations(range(len(keys)), 2):
        if sum(one != other for one, other in zip(keys[a], keys[b], strict=True)) != 1:
            continue
        tasks = sorted(values[a].keys() & values[b].keys())
        if tasks:
            found.append(_comparison(a, b, [values[a][task] - values[b][task] for task in tasks], draw))
    return found


def _comparison(a: int, b: int, differences: list[float], draw: "Draws") -> Comparison:
    low, high = interval(differences, draw)
    winner: Literal["a", "b"] | None = "a" if low > 0 else "b" if high < 0 else None
    if len(differences) < FEWEST_CASES:
        winner = None
    return Comparison(a=a, b=b, difference=fmean(differences), low=low, high=high, cases=len(differences), winner=winner)


class Draws:
    """The cases of each sample, the same for all comparisons of as many cases."""

    def __init__(self) -> None:
        self._made: dict[int, list[list[int]]] = {}

    def __call__(self, cases: int) -> list[list[int]]:
        if cases not in self._made:
            if len(self._made) >= MOST_DRAWS:
                self._made.clear()
            rng = random.Random(SEED)  # noqa: S311  # repeatable, and no secret
            self._made[cases] = [rng.choices(range(cases), k=cases) for _ in range(RESAMPLES)]
        return self._made[cases]


def interval(differences: Sequence[float], draw: Callable[[int], list[list[int]]] | None = None) -> tuple[float, float]:
    """Returns the middle 95 % of the mean in samples with replacement."""
    count, value = len(differences), list(differences).__getitem__
    means = sorted(sum(map(value, sample)) / count for sample in (draw or Draws())(count))
    return _quantile(means, LOW), _quantile(means, HIGH)


def _quantile(values: Sequence[float], share: float) -> float:
    """Returns a quantile of sorted values, between two neighbours in proportion."""
    place = share * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)
