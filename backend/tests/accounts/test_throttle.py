import asyncio

import pytest

from lam.accounts.throttle import FORGET_SECONDS, LONGEST_DELAY, LoginThrottle
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
