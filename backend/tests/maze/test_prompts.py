"""What a model reads of a game: all that it needs, and nothing that the player does not know."""

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from lam.maze import rules
from lam.maze.actions import BreakWall, FreezeGerms, Logged, Move, Path, Scan, Unreadable, Wait
from lam.maze.answers import schema
from lam.maze.carving import generate
from lam.maze.prompts import HISTORY, pasts, turns
from lam.maze.state import KNOWN, Settings, State

from .games import CORRIDOR, SEEDS, SETTINGS, drawn, played, unhurried


def text_of(state: State, log: list[Logged] | None = None) -> str:
    """What the user's turn says after these actions."""
    states = [state]
    for action in log or []:
        states.append(rules.apply(states[-1], action))
    return turns("", states[-1], pasts(states, log or []))[-1].content


def test_the_template_is_the_system_turn_and_without_one_there_is_none() -> None:
    state = drawn(CORRIDOR)
    assert [turn.role for turn in turns("Be brave.", state, [])] == ["system", "user"]
    assert turns("Be brave.", state, [])[0].content == "Be brave."
    assert [turn.role for turn in turns(" \n", state, [])] == ["user"]


def test_the_map_shows_the_player_the_exit_and_the_germs() -> None:
    assert """
   0123456
 0 #######
 1 #P....#
 2 #####.#
 3 #..G#.#
 4 #.###.#
 5 #....E#
 6 #######
You are at row 1, column 1. The exit is at row 5, column 5: 4 rows down and 4 columns right.
Beside you: up wall, down wall, left wall, right open.
Germs at row 3, column 3.
Oxygen left: 100 ticks. Powers left: break_wall 3, slow_germs 2, freeze_germs 2, scan 3.""" in text_of(drawn(CORRIDOR, [24]))


def test_columns_of_a_large_maze_have_two_digits() -> None:
    lines = text_of(generate(1, Settings(size=13, germs=0))).splitlines()
    top = lines.index("   0123456789012")
    assert lines[top - 1] == "             111"
    assert lines[top + 12].startswith("11 #")


def test_the_last_actions_come_with_what_they_did() -> None:
    log: list[Logged] = [
        Move("right"),
        Move("up"),
        Move("up"),
        Path(("right", "right")),
        BreakWall("down"),
        Unreadable(),
        FreezeGerms(),
        Wait(),
    ]
    assert """Your last actions:
- move up: ILLEGAL, there is a wall; you waited
- path right, right: you came to row 1, column 4
- break_wall down: the wall is open
- no action: ILLEGAL, your answer held no action; you waited
- freeze_germs: done
- wait: done
""" in text_of(drawn(CORRIDOR, [24]), log)


def test_only_the_powers_that_the_maze_has_are_offered() -> None:
    text = text_of(generate(1, Settings(germs=0)))
    assert "break_wall" in text
    assert 'germs"' not in text
    assert "scan" not in text
    assert "every germ" not in text
    assert "not seen" not in text
    assert '"scan"' in text_of(generate(1, Settings(fog=True)))


@unhurried
@given(SEEDS, SETTINGS, st.integers())
def test_the_beginning_stays_the_same_during_a_game(seed: int, settings: Settings, choices: int) -> None:
    beginnings = {text_of(state).partition("\n\n")[0] for state, _ in played(seed, settings, choices, 20)}
    assert len(beginnings) == 1


@unhurried
@given(SEEDS, SETTINGS, st.integers())
def test_nothing_in_the_fog_is_told(seed: int, settings: Settings, choices: int) -> None:
    """Two games that differ only in what the player does not know read the same, and force the same answers."""
    source = random.Random(choices)
    steps = list(played(seed, msgspec.structs.replace(settings, fog=True), choices, 12))
    log = [action for _, action in steps[:-1]]
    states = [state for state, _ in steps]
    others = [_with_other_fog(state, states[-1].known, source) for state in states]
    assert turns("", others[-1], pasts(others, log)) == turns("", states[-1], pasts(states, log))
    assert schema(others[-1], "legal") == schema(states[-1], "legal")


def _with_other_fog(state: State, known: str, source: random.Random) -> State:
    tiles = [tile if seen == KNOWN else source.choice("#.") for tile, seen in zip(state.grid, known, strict=True)]
    hidden = [tile for tile, seen in enumerate(known) if seen != KNOWN and tile != state.exit]
    germs = tuple(germ if known[germ] == KNOWN or not hidden else source.choice(hidden) for germ in state.germs)
    return msgspec.structs.replace(state, grid="".join(tiles), germs=germs)


def test_a_scan_shows_germs_that_were_hidden() -> None:
    state = drawn(CORRIDOR, [38], fog=True, frozen=9)
    assert "No germ in sight." in text_of(state)
    assert "Germs at row 5, column 3." in text_of(state, [Scan()])


def test_a_model_is_reminded_of_few_actions() -> None:
    log: list[Logged] = [Wait()] * 20
    assert text_of(drawn(CORRIDOR), log).count("- wait: done") == HISTORY
