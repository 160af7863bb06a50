"""The leaderboard of a room."""

from hypothesis import given
from hypothesis import strategies as st

from lam.rooms.board import Try, rank_all


def test_the_best_game_of_each_maze_counts() -> None:
    rows = rank_all([Try(1, 1, 50), Try(1, 1, 80), Try(1, 2, 10), Try(2, 1, 90), Try(3, 1, None)])
    assert [(row.rank, row.user_id, row.score, row.tries) for row in rows] == [(1, 2, 90, 1), (1, 1, 90, 3), (3, 3, 0, 1)]


@given(st.lists(st.builds(Try, st.integers(1, 5), st.integers(1, 3), st.none() | st.integers(0, 9))))
def test_nobody_with_less_stands_before_somebody_with_more(tries: list[Try]) -> None:
    rows = rank_all(tries)
    assert [row.score for row in rows] == sorted((row.score for row in rows), reverse=True)
    assert {row.user_id for row in rows} == {one.user_id for one in tries}
    assert all(row.rank == 1 + sum(other.score > row.score for other in rows) for row in rows)
