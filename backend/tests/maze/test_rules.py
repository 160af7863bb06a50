"""The rules of the maze, on small mazes drawn by hand and on many made by chance."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.maze import rules
from lam.maze.actions import (
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
    from_json,
    log_from_json,
    to_json,
)
from lam.maze.carving import distances, generate
from lam.maze.rules import BadLog, replay
from lam.maze.sets import SETS, MazeSet
from lam.maze.state import OPEN, RULES, WALL, Powers, Settings, State

from .games import ACTIONS, CORRIDOR, SEEDS, SETTINGS, drawn, played, unhurried


def test_a_step_takes_a_tick_and_the_exit_wins() -> None:
    state = drawn(CORRIDOR)
    for number, direction in enumerate(("right",) * 4 + ("down",) * 3, 1):
        state = rules.apply(state, Move(direction))
        assert (state.tick, state.status) == (number, "playing")
    state = rules.apply(state, Move("down"))
    assert (state.status, state.player, state.tick, state.oxygen) == ("won", state.exit, 8, 93)


def test_a_step_into_a_wall_is_a_wait_that_counts_as_illegal() -> None:
    state = drawn(CORRIDOR)
    assert rules.objection(state, Move("down")) == "wall"
    after = rules.apply(state, Move("down"))
    assert after == msgspec.structs.replace(rules.apply(state, Wait()), illegal=1)


def test_an_answer_that_was_not_read_is_illegal_too() -> None:
    state = drawn(CORRIDOR)
    assert rules.apply(state, Unreadable()) == msgspec.structs.replace(rules.apply(state, Wait()), illegal=1)


def test_a_path_with_one_step_into_a_wall_is_not_begun() -> None:
    state = drawn(CORRIDOR)
    path = Path(("right", "right", "down"))
    assert rules.objection(state, path) == "wall"
    after = rules.apply(state, path)
    assert (after.player, after.tick, after.illegal) == (state.player, 1, 1)


def test_a_path_takes_a_tick_a_step_and_stops_where_the_game_ends() -> None:
    state = drawn(CORRIDOR, oxygen=3)
    after = rules.apply(state, Path(("right", "right", "right", "right")))
    assert (after.tick, after.oxygen, after.status, after.player) == (3, 0, "oxygen", state.player + 3)


def test_the_exit_in_the_last_tick_of_oxygen_wins() -> None:
    state = drawn(CORRIDOR, player=33, oxygen=1)
    assert rules.apply(state, Move("down")).status == "won"


def test_whoever_steps_on_a_germ_has_lost_and_also_on_the_exit() -> None:
    assert rules.apply(drawn(CORRIDOR, [9]), Move("right")).status == "germ"
    state = drawn(CORRIDOR, [40], player=33)
    assert rules.apply(state, Move("down")).status == "germ"


def test_a_germ_that_walks_into_the_player_ends_the_game() -> None:
    state = drawn(CORRIDOR, [9], came=(10,))  # its only way leads on to the player
    assert rules.apply(state, Wait()).status == "germ"


def test_a_germ_turns_round_only_in_a_dead_end() -> None:
    state = drawn(CORRIDOR, [22], came=(23,))
    tiles = []
    for _ in range(6):
        state = rules.apply(state, Wait())
        tiles.append(state.germs[0])
    assert tiles == [29, 36, 37, 38, 39, 40]
    dead_end = drawn(CORRIDOR, [24], came=(23,))
    assert rules.apply(dead_end, Wait()).germs == (23,)


def test_frozen_germs_stand_for_eight_ticks() -> None:
    state = rules.apply(drawn(CORRIDOR, [22], came=(23,)), FreezeGerms())
    tiles = [state.germs[0]]
    for _ in range(8):
        state = rules.apply(state, Wait())
        tiles.append(state.germs[0])
    assert tiles == [22] * 8 + [29]


def test_slow_germs_walk_every_second_tick_of_twenty() -> None:
    state = rules.apply(drawn(CORRIDOR, [36], came=(29,)), SlowGerms())
    walked = [state.germs[0] != 36]
    for _ in range(21):
        before = state.germs[0]
        state = rules.apply(state, Wait())
        walked.append(state.germs[0] != before)
    assert walked == [False, True] * 10 + [True, True]


def test_a_wall_break_opens_the_wall_and_leaves_the_player() -> None:
    state = drawn(CORRIDOR)
    after = rules.apply(state, BreakWall("down"))
    assert (after.grid[15], after.player, after.tick, after.used, after.powers.break_wall) == (OPEN, 8, 1, 1, 2)
    assert rules.legal(after, Move("down"))


def test_neither_the_border_nor_an_open_tile_can_be_broken() -> None:
    state = drawn(CORRIDOR)
    assert rules.objection(state, BreakWall("up")) == "border"
    assert rules.objection(state, BreakWall("left")) == "border"
    assert rules.objection(state, BreakWall("right")) == "open"


@pytest.mark.parametrize("action", [BreakWall("down"), SlowGerms(), FreezeGerms(), Scan()])
def test_a_spent_power_is_illegal_and_never_goes_below_zero(action: Action) -> None:
    state = drawn(CORRIDOR, powers=Powers(0, 0, 0, 0))
    assert rules.objection(state, action) == "spent"
    assert rules.apply(state, action).powers == Powers(0, 0, 0, 0)


def test_powers_that_have_nothing_to_act_on_have_no_uses() -> None:
    assert generate(1, Settings(germs=0)).powers == Powers(3, 0, 0, 0)
    assert generate(1, Settings(germs=1, fog=True)).powers == Powers(3, 2, 2, 3)


def test_fog_shows_two_tiles_around_and_keeps_what_was_seen() -> None:
    state = drawn(CORRIDOR, fog=True)
    assert state.known == "1111000" * 1 + "1111000" * 3 + "0000000" * 3
    state = rules.apply(state, Move("right"))
    assert state.known == "1111100" * 4 + "0000000" * 3
    state = rules.apply(rules.apply(state, Move("left")), Scan())
    assert state.known == "1" * 49


def test_a_path_through_fog_is_illegal_whatever_lies_there() -> None:
    state = drawn(CORRIDOR, fog=True)
    assert rules.objection(state, Path(("right", "right", "right"))) == "fog"
    assert rules.objection(state, Path(("right", "right", "down"))) == "wall"
    assert rules.objection(state, Path(("right", "right"))) is None


def test_after_the_end_nothing_is_legal_and_nothing_can_be_applied() -> None:
    state = drawn(CORRIDOR, status="won")
    assert rules.actions_of(state) == []
    assert not rules.legal(state, Wait())
    with pytest.raises(ValueError, match="ended"):
        rules.apply(state, Wait())


@pytest.mark.parametrize(
    ("ticks", "illegal", "used", "points"), [(10, 0, 0, 1000), (20, 0, 0, 500), (30, 1, 0, 308), (11, 0, 2, 809), (99, 9, 0, 1)]
)
def test_the_score_of_a_win(ticks: int, illegal: int, used: int, points: int) -> None:
    assert rules.score(drawn(CORRIDOR, status="won", tick=ticks, illegal=illegal, used=used)) == points


@pytest.mark.parametrize("status", ["playing", "germ", "oxygen"])
def test_without_the_exit_the_score_is_zero(status: str) -> None:
    assert rules.score(drawn(CORRIDOR, status=status, tick=5)) == 0


@unhurried
@given(SEEDS, SETTINGS)
def test_every_maze_has_a_border_and_a_way_to_the_exit_that_the_oxygen_lasts_for(seed: int, settings: Settings) -> None:
    state = generate(seed, settings)
    size = settings.size
    rows = [state.grid[i : i + size] for i in range(0, size * size, size)]
    assert {*rows[0], *rows[-1], *(row[0] for row in rows), *(row[-1] for row in rows)} == {WALL}
    assert all(rows[row][column] == OPEN for row in range(1, size, 2) for column in range(1, size, 2))
    ways = distances(state.grid, size, state.player)
    assert all((way >= 0) == (tile == OPEN) for way, tile in zip(ways, state.grid, strict=True))
    assert 0 < state.shortest == ways[state.exit] <= state.oxygen


@unhurried
@given(SEEDS, SETTINGS)
def test_germs_start_apart_and_far_from_the_player(seed: int, settings: Settings) -> None:
    state = generate(seed, settings)
    ways = distances(state.grid, settings.size, state.player)
    assert len(set(state.germs)) == len(state.germs) <= settings.germs
    assert all(ways[germ] >= settings.size and germ != state.exit for germ in state.germs)


@unhurried
@given(SEEDS, SETTINGS, st.integers())
def test_a_replay_is_the_game_as_it_was_played(seed: int, settings: Settings, choices: int) -> None:
    steps = list(played(seed, settings, choices, 60))
    game = replay(seed, settings, [action for _, action in steps])
    assert list(game.states[:-1]) == [state for state, _ in steps]
    assert game.last == rules.apply(*steps[-1])
    assert all(game.legal)
    raw = msgspec.json.decode(msgspec.json.encode([action for _, action in steps]))
    assert replay(seed, settings, raw) == game


@unhurried
@given(SEEDS, SETTINGS, st.integers())
def test_apply_leaves_the_state_as_it_was(seed: int, settings: Settings, choices: int) -> None:
    for state, action in played(seed, settings, choices, 30):
        before = msgspec.json.encode(state)
        rules.apply(state, action)
        assert msgspec.json.encode(state) == before


def safe_ticks(state: State) -> int | None:
    """The fewest ticks to the exit by steps and waits alone, None if no germ lets the player through. Germs walk by themselves, so
    all places where a player could be are followed at once."""
    size = state.size
    places = {state.player}
    far = msgspec.structs.replace(state, grid=state.grid, oxygen=state.oxygen + 1)
    while places and far.oxygen:
        steps = {place + step for place in places for step in (0, -size, size, -1, 1) if state.grid[place + step] == OPEN}
        steps -= {step for step in steps - places if step in far.germs}
        if state.exit in steps:
            return far.tick + 1
        far = rules.apply(msgspec.structs.replace(far, player=0), Wait())  # germs never come to the corner
        places = steps - set(far.germs)
    return None


def replace(state: State, **changes: Any) -> State:
    return msgspec.structs.replace(state, **changes)


@unhurried
@given(SEEDS, SETTINGS, st.integers(), ACTIONS)
def test_an_illegal_action_is_a_wait_everywhere(seed: int, settings: Settings, choices: int, action: Action) -> None:
    for state, _ in played(seed, settings, choices, 20):
        if not rules.legal(state, action):
            assert rules.apply(state, action) == replace(rules.apply(state, Wait()), illegal=state.illegal + 1)


@unhurried
@given(SEEDS, SETTINGS, st.integers())
def test_the_numbers_of_a_game_stay_in_their_bounds(seed: int, settings: Settings, choices: int) -> None:
    steps = list(played(seed, settings, choices, 60))
    before = steps[0][0]
    for state in [state for state, _ in steps[1:]] + [rules.apply(*steps[-1])]:
        assert 1 <= state.tick - before.tick <= 8
        assert all(0 <= left <= had for left, had in zip(powers_of(state), powers_of(before), strict=True))
        assert state.used == sum(powers_of(steps[0][0])) - sum(powers_of(state))
        assert 0 <= state.oxygen <= steps[0][0].oxygen - state.tick + 1
        assert (state.oxygen == 0) == (state.status == "oxygen") or state.status in ("won", "germ")
        assert all(state.grid[tile] == OPEN for tile in (state.player, *state.germs))
        assert state.grid.count(OPEN) - before.grid.count(OPEN) in (0, 1)
        assert (state.status == "germ") == (state.player in state.germs)
        assert (state.status == "won") <= (state.player == state.exit)
        assert not state.known or all(now >= then for now, then in zip(state.known, before.known, strict=True))
        before = state


def powers_of(state: State) -> tuple[int, ...]:
    return msgspec.structs.astuple(state.powers)


@unhurried
@given(SEEDS, SETTINGS, st.integers(), st.integers(0, 199), ACTIONS)
def test_a_log_that_somebody_changed_is_another_game(
    seed: int, settings: Settings, choices: int, place: int, other: Action
) -> None:
    """The figures of a game follow from its log, so a forged log earns what it plays, or is no log at all."""
    steps = list(played(seed, settings, choices))
    log = [action for _, action in steps]
    game = replay(seed, settings, log)
    if game.last.status == "playing":
        return
    at = place % len(log)
    cut = replay(seed, settings, log[:at])
    assert (cut.last.status, cut.result.score) == ("playing", 0)
    with pytest.raises(BadLog, match="after the end"):
        replay(seed, settings, [*log, other])
    if at + 1 < len(log) and not isinstance(other, Path) and other != log[at]:
        assert replay(seed, settings, [*log[:at], other]).last != game.states[at + 1]
    assert replay((seed + 1) % 2**32, settings, []).last != game.states[0]


@unhurried
@given(SEEDS, SETTINGS, st.integers(), st.lists(st.integers(0, 199), min_size=1, max_size=5), st.lists(ACTIONS, min_size=5))
def test_any_log_is_played_or_refused(seed: int, settings: Settings, choices: int, places: list[int], others: list[Action]) -> None:
    log = [action for _, action in played(seed, settings, choices, 40)]
    for place, other in zip(places, others, strict=False):
        log[place % len(log) : place % len(log) + place % 3] = [other] * (place % 2)
        log = log or [Wait()]
    state = generate(seed, settings)
    for action in log:
        if state.status != "playing":
            with pytest.raises(BadLog, match="after the end"):
                replay(seed, settings, log)
            return
        state = rules.apply(state, action)
    game = replay(seed, settings, log)
    assert game.last == state
    assert len(game.states) == len(log) + 1
    assert list(game.legal) == [rules.legal(state, action) for state, action in zip(game.states, log, strict=False)]
    assert game.result.illegal == game.legal.count(False)


@pytest.mark.parametrize("known", SETS, ids=lambda known: known.name)
def test_each_maze_of_a_set_is_another_and_can_be_won_without_powers(known: MazeSet) -> None:
    games = [generate(seed, known.settings) for seed in known.seeds]
    assert len({game.grid for game in games}) == len(games)
    for game in games:
        ticks = safe_ticks(game)
        assert ticks is not None
        assert ticks <= 1.5 * game.shortest


def test_a_log_is_refused_with_a_reason() -> None:
    settings = Settings(size=5, germs=0, oxygen=4)
    with pytest.raises(BadLog, match="version 0"):
        replay(1, settings, [], rules=RULES - 1)
    with pytest.raises(BadLog, match="malformed"):
        replay(1, settings, [{"action": "fly"}])
    with pytest.raises(BadLog, match="malformed"):
        replay(-1, settings, [])
    ticks = generate(1, settings).oxygen
    with pytest.raises(BadLog, match=f"Action {ticks + 1} comes after the end"):
        replay(1, settings, [Wait()] * (ticks + 1))


LOG: list[Logged] = [Move("up"), Path(("left",)), BreakWall("down"), SlowGerms(), FreezeGerms(), Scan(), Wait(), Unreadable()]


def test_an_action_has_one_shape() -> None:
    assert to_json(Path(("up", "left"))) == {"action": "path", "directions": ["up", "left"]}
    assert log_from_json([to_json(action) for action in LOG]) == tuple(LOG)


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "move",
        [],
        {},
        {"action": "move"},
        {"action": "move", "direction": "north"},
        {"action": "move", "direction": "up", "steps": 2},
        {"action": "path", "directions": []},
        {"action": "path", "directions": ["up"] * 9},
        {"action": "path", "directions": "up"},
        {"action": "wait", "direction": "up"},
        {"action": "unreadable"},
        {"action": ["wait"]},
        {"action": None},
    ],
)
def test_any_other_shape_is_no_action(raw: object) -> None:
    with pytest.raises(ValueError, match=r"Object|object|Expected|Invalid"):
        from_json(raw)
