"""Who is here, away or gone, by a clock that the test holds."""

import pytest

from lam.chat.presence import LEFT_SECONDS, Connected, Presence, State


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> list[tuple[int, int, State]]:
    return []


@pytest.fixture
def presence(clock: Clock, told: list[tuple[int, int, State]]) -> Presence:
    return Presence(lambda session, person, state: told.append((session, person, state)), clock=clock)


def test_who_looks_is_here_who_does_not_is_away_and_each_change_is_told_once(
    presence: Presence, told: list[tuple[int, int, State]]
) -> None:
    assert presence.of(1, 7) == "left"
    presence.connected("a", 7, [1])
    presence.shows("a", [1])
    presence.shows("a", [1], hidden=True)
    presence.shows("a", [1])
    presence.shows("a", [2], hidden=False)
    assert told == [(1, 7, "here"), (1, 7, "away"), (2, 7, "here")]
    assert (presence.of(1, 7), presence.of(2, 7), presence.of(3, 7)) == ("away", "here", "away")


def test_who_has_one_page_in_sight_is_here_whatever_the_others_do(presence: Presence, told: list[tuple[int, int, State]]) -> None:
    presence.connected("a", 7, [1])
    presence.connected("b", 7, [1])
    presence.shows("b", [1], hidden=True)
    presence.disconnected("b")
    assert presence.of(1, 7) == "here"
    assert told == [(1, 7, "here")]


def test_who_has_no_connection_leaves_after_fifteen_seconds(
    presence: Presence, clock: Clock, told: list[tuple[int, int, State]]
) -> None:
    presence.connected("a", 7, [1])
    presence.disconnected("a")
    clock.now = LEFT_SECONDS - 0.1
    presence.expire()
    assert presence.of(1, 7) == "here"
    clock.now = LEFT_SECONDS
    presence.expire()
    presence.expire()
    assert presence.of(1, 7) == "left"
    assert told == [(1, 7, "here"), (1, 7, "left")]


def test_a_page_that_loads_anew_is_missed_by_nobody(presence: Presence, clock: Clock, told: list[tuple[int, int, State]]) -> None:
    presence.connected("a", 7, [1])
    for number in range(5):
        presence.disconnected("a" if number == 0 else f"{number - 1}")
        clock.now += LEFT_SECONDS - 1
        presence.expire()
        presence.connected(f"{number}", 7, [1])
    assert told == [(1, 7, "here")]


def test_who_was_away_leaves_from_every_session_that_knew_them(
    presence: Presence, clock: Clock, told: list[tuple[int, int, State]]
) -> None:
    presence.connected("a", 7, [1, 2])
    presence.connected("b", 8, [1])
    presence.shows("a", [1], hidden=True)
    presence.forget(2, 7)
    presence.disconnected("a")
    clock.now = LEFT_SECONDS
    presence.expire()
    assert told[-1:] == [(1, 7, "left")]
    assert not [one for one in told if one[:2] == (2, 7) and one[2] == "left"], "it is no session of theirs any more"
    assert presence.of(1, 8) == "here"


def test_what_nobody_has_is_no_connection(presence: Presence, told: list[tuple[int, int, State]]) -> None:
    presence.shows("unknown", [1])
    presence.disconnected("unknown")
    presence.forget(1, 1)
    assert told == []


def test_a_connection_to_another_gateway_counts_as_one_to_this(presence: Presence, told: list[tuple[int, int, State]]) -> None:
    presence.changed_elsewhere("other", Connected(id="x", user_id=7, sessions=frozenset({1})))
    presence.connected("a", 7, [1])
    presence.disconnected("a")
    assert told == [(1, 7, "here")], "they look at it elsewhere"
    presence.changed_elsewhere("other", Connected(id="x", user_id=7, sessions=frozenset({1}), hidden=True))
    assert told[1:] == [(1, 7, "away")]
    assert presence.own() == []


def test_who_comes_back_to_another_gateway_in_time_has_not_left(
    presence: Presence, clock: Clock, told: list[tuple[int, int, State]]
) -> None:
    presence.connected("a", 7, [1])
    presence.disconnected("a")
    clock.now = LEFT_SECONDS - 1
    presence.changed_elsewhere("other", Connected(id="x", user_id=7, sessions=frozenset({1})))
    clock.now = 2 * LEFT_SECONDS
    presence.expire()
    assert told == [(1, 7, "here")]


def test_people_of_a_gateway_that_is_gone_leave_unless_they_come_back(
    presence: Presence, clock: Clock, told: list[tuple[int, int, State]]
) -> None:
    for person in (7, 8):
        presence.changed_elsewhere("dead", Connected(id=f"x{person}", user_id=person, sessions=frozenset({1})))
    presence.all_elsewhere("dead", ())
    presence.connected("a", 8, [1])
    clock.now = LEFT_SECONDS
    presence.expire()
    assert told == [(1, 7, "here"), (1, 8, "here"), (1, 7, "left")]


def test_the_whole_list_of_another_gateway_replaces_what_was_known_of_it(presence: Presence) -> None:
    presence.changed_elsewhere("other", Connected(id="x", user_id=7, sessions=frozenset({1})))
    presence.changed_elsewhere("third", Connected(id="z", user_id=9, sessions=frozenset({1})))
    presence.all_elsewhere("other", [Connected(id="y", user_id=8, sessions=frozenset({1}))])
    assert [presence.of(1, person) for person in (8, 9)] == ["here", "here"]
    presence.ended_elsewhere("other", "z")
    assert presence.of(1, 9) == "here", "a gateway ends its own connections alone"


def test_whose_a_connection_is_is_known_whichever_gateway_has_it(presence: Presence) -> None:
    presence.connected("a", 7, [1])
    presence.changed_elsewhere("there", Connected(id="b", user_id=8))
    assert [presence.whose(one) for one in ("a", "b", "c")] == [7, 8, None]
    presence.all_elsewhere("there", ())
    assert presence.whose("b") is None
