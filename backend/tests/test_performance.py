"""What the benches say about their own results: medians, ratios, and whether a goal is met."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import goals
import report
import results
import tables


def test_every_goal_can_be_told_from_the_results_that_are_kept() -> None:
    kept = results.kept()
    for goal in goals.GOALS:
        what, wanted, measured, verdict = goal.row(kept)
        assert what
        assert wanted
        assert measured
        assert (verdict == "met") == goal.met(kept)
        assert goal.met(kept) or goal.why, f"{what} is missed, and nobody says why"


def test_every_result_tells_how_to_repeat_it() -> None:
    page = report.page()
    for name, result in results.kept().items():
        assert f"### {name}\n" in page
        assert result["repeat"].startswith(("python bench/", "cd frontend && PAGE_KEEP=1 npm run"))
        assert result["commit"]
        assert not result["commit"].endswith("+"), f"{name} was measured with changes that are in no commit"


def test_medians_are_taken_figure_by_figure_and_errors_are_summed() -> None:
    rounds = [{"a": value, "errors": 1, "nested": {"p50": 2 * value}} for value in (3.0, 1.0, 100.0)]
    assert results.medians(rounds) == {"a": 3.0, "errors": 3, "nested": {"p50": 6.0}}


def test_a_goal_that_is_missed_says_by_how_much() -> None:
    most = goals.Goal("a", lambda _: 5.0, most=4, unit=" ms")
    least = goals.Goal("b", lambda _: 6.0, least=8, unit=" ×")
    assert most.row({}) == ["a", "at most 4 ms", "5.00 ms", "missed by 25 %"]
    assert least.row({}) == ["b", "at least 8 ×", "6.00 ×", "missed by 25 %"]
    assert goals.Goal("c", lambda _: 4.0, most=4).row({})[-1] == "met"


def test_a_table_is_aligned() -> None:
    assert tables.table(["a", "bb"], [["1", "2"], ["333", "4"]]) == "| a   | bb |\n| --- | -- |\n| 1   | 2  |\n| 333 | 4  |\n"
