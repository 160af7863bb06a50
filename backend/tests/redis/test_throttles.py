"""Attempts are counted over all gateways, over a real Redis, and by each gateway alone while there is none."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from lam.accounts.throttle import WAITING_AT_ADDRESS, WAITING_FOR_ACCOUNT, Budget, LoginThrottle
from lam.errors import TooManyAttempts
from lam.redis.link import Link, Pace
from lam.redis.throttles import Throttles

from ..redis_server import RedisServer
from ..waiting import until
from .test_signals import ALL, QUICK

pytestmark = [pytest.mark.postgresql, pytest.mark.sse]
PATIENT = Pace(block=0.2, answer=20, first_pause=0.02, longest_pause=0.1)


@asynccontextmanager
async def gateways(server: RedisServer, number: int = 2, pace: Pace = PATIENT) -> AsyncIterator[Sequence[Throttles]]:
    prefix = f"test-{secrets.token_hex(4)}"
    async with AsyncExitStack() as stack:
        links = [Link(server.url_for(ALL), f"gateway-{one}", prefix=prefix, pace=pace) for one in range(number)]
        yield [Throttles(await stack.enter_async_context(link)) for link in links]


async def good() -> bool:
    return True


async def bad() -> bool:
    return False


async def test_a_budget_is_one_for_all_gateways(redis: RedisServer) -> None:
    async with gateways(redis) as shared:
        first, second = (Budget(5, 60, name="x", shared=one) for one in shared)
        for budget in (first, second, first, second):
            assert not await budget.check("a", bad)
        for _ in range(20):
            assert await first.check("a", good), "what is right uses nothing up"
        assert not await second.check("a", bad)
        for budget in (first, second):
            with pytest.raises(TooManyAttempts) as caught:
                await budget.spend("a")
            assert 1 <= caught.value.retry_after <= 12
        await first.spend("b")


async def test_two_purposes_do_not_share_their_attempts(redis: RedisServer) -> None:
    async with gateways(redis, 1) as (shared,):
        one, other = (Budget(1, 60, name=name, shared=shared) for name in ("x", "y"))
        await one.spend("a")
        await other.spend("a")


async def test_an_attempt_comes_back_after_its_time(redis: RedisServer) -> None:
    async with gateways(redis) as shared:
        first, second = (Budget(1, 0.2, name="x", shared=one) for one in shared)
        await first.spend("a")
        async with asyncio.timeout(20):
            while True:
                try:
                    await second.spend("a")
                    break
                except TooManyAttempts:
                    await asyncio.sleep(0.02)  # Time itself: when the attempt is there again


class Slept:
    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def attempt(throttle: LoginThrottle, account: str, address: str, *, succeeds: bool = False) -> None:
    async with throttle.attempt(account, address) as note:
        note(succeeds)


async def test_failed_logins_on_one_gateway_delay_those_on_another(redis: RedisServer) -> None:
    async with gateways(redis) as shared:
        slept = Slept()
        first, second = (LoginThrottle(sleep=slept.sleep, shared=one) for one in shared)
        for _ in range(3):
            await attempt(first, "a", "here")
        assert slept.seconds == []
        await attempt(second, "a", "elsewhere")
        await attempt(second, "b", "here")
        assert slept.seconds == [0.5, 0.5], "the account, and the address"
        await attempt(second, "a", "elsewhere", succeeds=True)
        await attempt(first, "a", "at home")
        assert slept.seconds == [0.5, 0.5, 1], "one good login forgives the account everywhere"


@pytest.mark.parametrize(("most", "is_one_account"), [(WAITING_FOR_ACCOUNT, True), (WAITING_AT_ADDRESS, False)])
async def test_so_many_guesses_wait_at_once_over_all_gateways(redis: RedisServer, most: int, is_one_account: bool) -> None:
    async with gateways(redis) as shared:
        inside, leave = asyncio.Semaphore(0), asyncio.Event()

        async def sleep(_: float) -> None:
            inside.release()
            await leave.wait()

        throttles = [LoginThrottle(sleep=sleep, shared=one) for one in shared]
        for number in range(3):
            await attempt(throttles[0], "a" if is_one_account else str(number), "here")
        guesses = [attempt(throttles[number % 2], "a" if is_one_account else str(number), "here") for number in range(most)]
        tasks = [asyncio.create_task(guess) for guess in guesses]
        for _ in range(most):
            await inside.acquire()
        for throttle in throttles:
            with pytest.raises(TooManyAttempts):
                await attempt(throttle, "a", "here")
        owner = asyncio.create_task(attempt(throttles[1], "a", "at home"))
        leave.set()
        await asyncio.gather(*tasks, owner)
        await attempt(throttles[1], "a", "here")


async def test_no_address_and_no_account_is_written_to_redis(redis: RedisServer) -> None:
    async with gateways(redis, 1) as (shared,):
        await attempt(LoginThrottle(shared=shared), "somebody@example.org", "203.0.113.77")
        (keys,) = await shared._link.run([("KEYS", shared._link.key("*"))])
        assert any(b":attempts:account:" in key for key in keys)
        assert not any(b"somebody" in key or b"203.0.113" in key for key in keys)


async def test_without_redis_each_gateway_counts_for_itself(mortal_redis: RedisServer) -> None:
    async with gateways(mortal_redis, 1, QUICK) as (shared,):
        slept = Slept()
        budget, login = Budget(2, 60, name="x", shared=shared), LoginThrottle(sleep=slept.sleep, shared=shared)
        await budget.spend("a")
        for _ in range(2):
            await attempt(login, "a", "here")
        mortal_redis.kill()
        await budget.spend("a")
        with pytest.raises(TooManyAttempts):
            await budget.spend("a")
        for _ in range(2):
            await attempt(login, "a", "here")
        assert slept.seconds == [0.5]


async def test_attempts_are_counted_together_again_once_redis_takes_them(mortal_redis: RedisServer) -> None:
    async with gateways(mortal_redis, pace=QUICK) as shared:
        first, second = (Budget(1, 60, name="x", shared=one) for one in shared)
        mortal_redis.command("CONFIG", "SET", "maxmemory", "1")
        await first.spend("a")
        assert shared[0]._link.problem is not None
        mortal_redis.command("CONFIG", "SET", "maxmemory", "0")
        await until(lambda: shared[0]._link.problem is None)
        await first.spend("b")
        with pytest.raises(TooManyAttempts):
            await second.spend("b")
