"""When a failing server is left alone and when it is tried again. The clock is the test's own."""

from lam.engines.breaker import Breaker, Breakers, Tolerance


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def breaker(clock: Clock, failures: int = 3) -> Breaker:
    return Breaker(clock, Tolerance(failures=failures, first=1, longest=4))


def test_failures_in_a_row_open_it_and_a_success_between_them_starts_the_count_anew() -> None:
    one = breaker(Clock())
    assert [one.fail(), one.fail()] == [False, False]
    one.succeed()
    assert [one.fail(), one.fail(), one.blocks] == [False, False, False]
    assert (one.fail(), one.blocks, one.state) == (True, True, "open")


def test_a_server_that_is_not_there_opens_it_at_once() -> None:
    one = breaker(Clock())
    assert (one.fail(at_once=True), one.blocks) == (True, True)


def test_time_alone_does_not_close_it_the_server_has_to_say_that_it_is_well() -> None:
    clock = Clock()
    one = breaker(clock, failures=1)
    one.fail()
    clock.now += 1000
    assert (one.blocks, one.seconds) == (True, 0)
    one.try_again()
    assert (one.blocks, one.state) == (False, "half_open")


def test_half_open_one_request_tries_and_the_others_wait_for_its_end() -> None:
    clock = Clock()
    one = breaker(clock, failures=1)
    one.fail()
    one.try_again()
    one.enter()
    assert one.blocks
    assert (one.succeed(), one.blocks, one.state) == (True, False, "closed")


def test_a_try_that_never_ends_makes_room_for_another_one() -> None:
    clock = Clock()
    one = breaker(clock, failures=1)
    one.fail()
    one.try_again()
    one.enter()
    clock.now += 5
    assert not one.blocks


def test_each_failed_try_makes_the_pause_longer_up_to_a_limit() -> None:
    clock = Clock()
    one = breaker(clock, failures=1)
    pauses = []
    one.fail()
    for _ in range(5):
        pauses.append(one.seconds)
        clock.now += one.seconds
        one.try_again()
        assert one.fail()
    assert pauses == [1, 2, 4, 4, 4]
    one.try_again()
    one.succeed()
    one.fail()
    assert one.seconds == 1


def test_a_server_that_names_a_time_is_left_alone_for_that_long() -> None:
    one = breaker(Clock(), failures=1)
    one.fail(seconds=30)
    assert one.seconds == 30


def test_pools_have_breakers_of_their_own_and_those_that_go_are_forgotten() -> None:
    all_ = Breakers(Clock(), Tolerance(failures=1))
    all_.of(("a", "p")).fail()
    assert (all_.blocks(("a", "p")), all_.blocks(("b", "p"))) == (True, False)
    all_.keep(lambda pool: pool[0] == "b")
    assert not all_.blocks(("a", "p"))
