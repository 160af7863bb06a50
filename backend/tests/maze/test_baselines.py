"""Games without a model are games like any other."""

from hypothesis import given

from lam.maze.baselines import random_legal, shortest_path
from lam.maze.state import Settings

from .games import SEEDS, SETTINGS, unhurried


@unhurried
@given(SEEDS, SETTINGS)
def test_the_shortest_path_wins_in_as_many_ticks_unless_a_germ_comes(seed: int, settings: Settings) -> None:
    result = shortest_path(seed, settings).result
    assert result.status in ("won", "germ")
    if result.status == "won":
        assert (result.steps, result.score) == (result.shortest, 1000)
    assert settings.germs or result.status == "won"


@unhurried
@given(SEEDS, SETTINGS, SEEDS)
def test_random_moves_are_legal_and_the_same_for_the_same_seed(seed: int, settings: Settings, choices: int) -> None:
    game = random_legal(seed, settings, choices)
    assert game.last.status != "playing"
    assert (game.result.illegal, game.result.powers) == (0, 0)
    assert game == random_legal(seed, settings, choices)


def test_random_moves_differ_from_game_to_game_and_sometimes_win() -> None:
    ends = [random_legal(3, Settings(size=7, loops=0, germs=0), choices).result for choices in range(50)]
    assert len({end.steps for end in ends}) > 5
    assert {end.status for end in ends} == {"won", "oxygen"}
