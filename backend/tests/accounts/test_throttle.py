import asyncio

import pytest

from lam.accounts.throttle import (
    FORGET_SECONDS,
    HOLD_SECONDS,
    KEY_CHARACTERS,
    LONGEST_DELAY,
    QUICK_REFUSALS,
    REMEMBERED,
    WAITING_AT_ADDRESS,
    Budget,
    LoginThrottle,
    Tarpit,
    network_of,
)
from lam.errors import TooManyAttempts


class World:
    """A clock that moves only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


async def fail(throttle: LoginThrottle, account: str, address: str = "address z") -> None:
    async with throttle.attempt(account, address) as note:
        note(False)


async def test_failures_grow_the_delay_up_to_a_bound_and_never_lock() -> None:
    world = World()
    throttle = LoginThrottle(clock=lambda: world.now, sleep=world.sleep)
    for _ in range(12):
        await fail(throttle, "account a", "address b")
    assert world.slept == [0.5, 1, 2, 4, 8, 10, 10, 10, 10]
    assert throttle.delay(account="account a") == LONGEST_DELAY


async def test_account_and_address_are_counted_apart() -> None:
    world = World()
    throttle = LoginThrottle(clock=lambda: world.now, sleep=world.sleep)
    for number in range(5):
        await fail(throttle, f"account {number}", "address b")
    assert throttle.delay(account="account 4") == 0
    assert throttle.delay(address="address b") > 0


async def test_a_success_forgives_the_account_and_time_forgives_both() -> None:
    world = World()
    throttle = LoginThrottle(clock=lambda: world.now, sleep=world.sleep)
    for _ in range(5):
        await fail(throttle, "account a")
    async with throttle.attempt("account a", "address z") as note:
        note(True)
    assert throttle.delay(account="account a") == 0
    assert throttle.delay(address="address z") > 0
    world.now += FORGET_SECONDS + 1
    assert throttle.delay(address="address z") == 0


async def test_only_so_many_may_wait_at_once_from_one_address_and_the_owner_still_gets_in() -> None:
    forever = asyncio.Event()

    async def sleep(_: float) -> None:
        await forever.wait()

    throttle = LoginThrottle(sleep=sleep)
    for _ in range(3):
        await fail(throttle, "account a")
    waiting = [asyncio.create_task(fail(throttle, "account a")) for _ in range(10)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyAttempts):
        await fail(throttle, "account a")
    owner = asyncio.create_task(fail(throttle, "account a", "address of the owner"))
    await asyncio.sleep(0)
    assert not owner.done()
    forever.set()
    await asyncio.gather(*waiting, owner)


async def test_ten_waiting_guesses_at_one_account_leave_room_for_others_behind_the_same_address() -> None:
    forever = asyncio.Event()

    async def sleep(_: float) -> None:
        await forever.wait()

    throttle = LoginThrottle(sleep=sleep)
    for _ in range(3):
        await fail(throttle, "account a")
    waiting = [asyncio.create_task(fail(throttle, "account a")) for _ in range(10)]
    await asyncio.sleep(0)
    neighbour = asyncio.create_task(fail(throttle, "account b"))
    await asyncio.sleep(0)
    assert not neighbour.done()
    forever.set()
    await asyncio.gather(*waiting, neighbour)


async def test_one_address_can_hold_so_many_places_and_no_more() -> None:
    forever = asyncio.Event()

    async def sleep(_: float) -> None:
        await forever.wait()

    throttle = LoginThrottle(sleep=sleep)
    for number in range(3):
        await fail(throttle, f"account {number}", "address b")
    waiting = [asyncio.create_task(fail(throttle, f"account {number}", "address b")) for number in range(WAITING_AT_ADDRESS)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyAttempts):
        await fail(throttle, "one more", "address b")
    await fail(throttle, "one more", "address c")
    forever.set()
    await asyncio.gather(*waiting)
    assert not throttle._waiting


def test_a_budget_gives_so_many_at_once_and_then_one_at_a_time() -> None:
    world = World()
    budget = Budget(5, 60, clock=lambda: world.now)
    for _ in range(5):
        budget.take("a")
    with pytest.raises(TooManyAttempts) as caught:
        budget.take("a")
    assert caught.value.retry_after == 12
    budget.take("b")
    world.now += 12
    budget.take("a")
    with pytest.raises(TooManyAttempts):
        budget.take("a")
    world.now += 3600
    for _ in range(5):
        budget.take("a")


async def test_a_good_attempt_uses_up_nothing_and_a_refused_one_prolongs_nothing() -> None:
    world = World()
    budget = Budget(5, 60, clock=lambda: world.now)

    async def good() -> bool:
        return True

    async def bad() -> bool:
        return False

    for _ in range(100):
        assert await budget.check("a", good)
    for _ in range(5):
        assert not await budget.check("a", bad)
    for _ in range(100):
        with pytest.raises(TooManyAttempts):
            await budget.check("a", good)
    world.now += 12
    assert await budget.check("a", good)


async def test_a_flood_of_names_and_addresses_fills_no_memory() -> None:
    world = World()
    budget = Budget(5, 60, clock=lambda: world.now)
    throttle = LoginThrottle(clock=lambda: world.now, sleep=world.sleep)
    for number in range(REMEMBERED + 1000):
        budget.take(f"{number} " + "x" * 10_000)
        await fail(throttle, f"{number} " + "a" * 10_000, f"{number} " + "b" * 10_000)
    tables = (budget._full_at, throttle._accounts._counts, throttle._addresses._counts)
    assert [len(table) for table in tables] == [REMEMBERED] * 3
    assert max(len(key) for table in tables for key in table) == KEY_CHARACTERS
    assert not throttle._waiting


async def test_who_goes_on_trying_though_refused_is_answered_late() -> None:
    world = World()
    tarpit = Tarpit(clock=lambda: world.now, sleep=world.sleep)

    async def refused(network: str) -> None:
        async with tarpit.around(network):
            raise TooManyAttempts

    for _ in range(QUICK_REFUSALS + 1):
        with pytest.raises(TooManyAttempts):
            await refused("a")
    assert world.slept == [HOLD_SECONDS]
    with pytest.raises(TooManyAttempts):
        await refused("b")
    assert len(world.slept) == 1
    world.now += 60
    with pytest.raises(TooManyAttempts):
        await refused("a")
    assert len(world.slept) == 1


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("unknown", "unknown"),
        ("x" * 1000, "x" * 64),
        ("", ""),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address: str, network: str) -> None:
    assert network_of(address) == network
