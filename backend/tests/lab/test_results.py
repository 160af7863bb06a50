"""Tables and comparisons: each figure by hand on a few cells, and laws on many."""

import random
from typing import Any

import msgspec
import pytest

from lam.lab.results import Cell, Draws, Results, interval, results
from lam.lab.specs import Case, FrozenTemplate, Mazes, Setting, Spec, TaskSet
from lam.maze.baselines import RANDOM_MOVES, SHORTEST_PATH
from lam.protocol.sampling import Choices, Sampling

PLAIN = Setting(title="Plain", chosen=Choices(), sampling=Sampling(temperature=0, top_p=1, max_tokens=9))
MAZES = TaskSet(title="Mazes", maze=Mazes(size=7, seeds=(1, 2, 3)))


def spec(tasks: TaskSet | None = None, templates: int = 2, models: int = 1) -> Spec:
    return Spec(
        tasks=tasks or TaskSet(title="Cases", cases=tuple(Case(name=str(n)) for n in range(100))),
        templates=tuple(FrozenTemplate(title=str(n), content="x") for n in range(templates)),
        models=tuple(f"m{n}" for n in range(models)),
        settings=(PLAIN,),
    )


def cell(template: int, task: int, passed: bool | None, *, status: str = "complete", model: int = 0, **result: Any) -> Cell:
    return Cell(template=template, model=model, setting=0, task=task, status=status, passed=passed, result=result)


def test_each_figure_of_a_row() -> None:
    cells = [
        cell(
            0, 0, True, solved=True, steps=12, shortest=8, illegal=0, repaired=1, score=600, prompt_tokens=10, completion_tokens=5
        ),
        cell(0, 1, True, solved=True, steps=8, shortest=8, illegal=2, repaired=0, score=900, first_token_ms=10, total_ms=100),
        cell(0, 2, False, solved=False, steps=99, shortest=8, illegal=4, repaired=2, score=0, first_token_ms=30, total_ms=300),
        cell(0, 0, None, status="failed", code="llm_error"),
    ]
    row = results(spec(MAZES), cells).rows[0]
    assert (row.n, row.failed) == (3, 1)
    assert row.passed_share == pytest.approx(2 / 3)
    assert (row.steps_ratio, row.illegal_per_game, row.repaired, row.score) == (1.25, 2, 3, 500)
    assert (row.tokens, row.first_token_ms, row.total_ms) == (15, 20, 200)


def test_a_row_without_cells_has_no_figures() -> None:
    row = results(spec(), []).rows[1]
    assert (row.n, row.failed, row.passed_share, row.tokens, row.total_ms) == (0, 0, None, None, None)


def test_cells_without_a_verdict_are_complete_and_count_in_no_share() -> None:
    row = results(spec(), [cell(0, 0, None), cell(0, 1, True, opinion=True)]).rows[0]
    assert (row.n, row.passed_share, row.opinions) == (2, 1, 1)


def test_mazes_have_baselines_and_cases_have_none() -> None:
    assert results(spec(), []).baselines == ()
    walks = {one.name: one for one in results(spec(MAZES), []).baselines}
    assert (walks[SHORTEST_PATH].passed_share, walks[SHORTEST_PATH].steps_ratio, walks[SHORTEST_PATH].n) == (1, 1, 3)
    assert walks[RANDOM_MOVES].n == 60
    assert walks[RANDOM_MOVES].passed_share < 1


def test_a_row_is_better_than_chance_only_outside_the_interval_and_from_six_mazes_on() -> None:
    mazes = msgspec.structs.replace(MAZES, maze=Mazes(size=7, seeds=tuple(range(1, 9))))
    solved = [cell(0, task, True) for task in range(8)] + [cell(1, task, False) for task in range(8)]
    good, bad = results(spec(mazes), solved).chance
    assert (good.row, good.cases, good.better) == (0, 8, True)
    assert 0 < good.low <= good.difference <= good.high
    assert (bad.row, bad.better) == (1, False)
    assert bad.difference < 0
    (few,) = results(spec(mazes), solved[:5]).chance
    assert (few.cases, few.better) == (5, False)
    assert results(spec(), solved).chance == ()


def compared(pairs: list[tuple[bool, bool]]) -> Any:
    cells = [cell(number, task, passed) for task, pair in enumerate(pairs) for number, passed in enumerate(pair)]
    (comparison,) = results(spec(), cells).comparisons
    return comparison


def test_a_clear_difference_has_a_winner() -> None:
    comparison = compared([(True, False)] * 15 + [(True, True)] * 5)
    assert (comparison.difference, comparison.winner, comparison.cases) == (0.75, "a", 20)
    assert 0 < comparison.low < 0.75 < comparison.high <= 1
    assert compared([(False, True)] * 15 + [(True, True)] * 5).winner == "b"


@pytest.mark.parametrize(
    "pairs",
    [
        [(True, True)] * 20,
        [(True, False)] * 6 + [(False, True)] * 5,
        [(True, False)] + [(True, True)] * 19,
        [(True, False)],
        [(True, False)] * 5,
    ],
)
def test_no_winner_is_named_inside_the_interval_or_from_few_cases(pairs: list[tuple[bool, bool]]) -> None:
    assert compared(pairs).winner is None


def test_only_cases_that_both_have_complete_are_compared() -> None:
    cells = [cell(0, 0, True), cell(0, 1, True), cell(1, 1, False), cell(1, 2, False), cell(1, 0, None, status="failed")]
    (comparison,) = results(spec(), cells).comparisons
    assert (comparison.cases, comparison.difference) == (1, 1)


def test_repeats_are_one_value_per_case() -> None:
    cells = [cell(0, 0, True), cell(0, 0, False), cell(1, 0, False), cell(1, 0, False)]
    (comparison,) = results(spec(), cells).comparisons
    assert (comparison.cases, comparison.difference) == (1, 0.5)


def test_rows_that_differ_in_more_than_one_thing_are_not_compared() -> None:
    cells = [cell(t, task, True, model=m) for t in range(2) for m in range(2) for task in range(3)]
    table: Results = results(spec(models=2), cells)
    assert {(one.a, one.b) for one in table.comparisons} == {(0, 1), (0, 2), (1, 3), (2, 3)}


def test_the_interval_is_the_same_each_time_and_narrows_with_more_cases() -> None:
    few = [1.0, 0.0, 0.0, -1.0, 1.0, 0.0, 1.0, 0.0]
    assert interval(few) == interval(few)
    low, high = interval(few)
    many_low, many_high = interval(few * 16)
    assert many_high - many_low < (high - low) / 3


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Two prompts of 60 % and 40 %, 40 cases each time: the true difference is inside in about 19 of 20 tries."""
    rng, draws = random.Random(1), Draws()
    covered = 0
    for _ in range(100):
        differences = [float(rng.random() < 0.6) - float(rng.random() < 0.4) for _ in range(40)]
        low, high = interval(differences, draws)
        covered += low <= 0.2 <= high
    assert 88 <= covered <= 99
