import asyncio
import threading

import pytest

from lam.accounts.fair_pool import FairPool
from lam.errors import TooManyAttempts


class Gate:
    """Calls that wait in their thread until they are let go, and note the order in which they ran."""

    def __init__(self, pool: FairPool) -> None:
        self.pool = pool
        self.ran: list[str] = []
        self.open = threading.Event()

    def start(self, source: str, *, known: bool = False) -> "asyncio.Task[str]":
        return asyncio.create_task(self.pool.run(source, lambda: self._call(source), known=known))

    def _call(self, source: str) -> str:
        self.open.wait()
        self.ran.append(source)
        return source


async def test_sources_take_turns_however_many_calls_one_of_them_makes() -> None:
    gate = Gate(FairPool(1))
    calls = [gate.start("flood") for _ in range(20)]
    await asyncio.sleep(0)
    calls += [gate.start("ada"), gate.start("grace")]
    await asyncio.sleep(0)
    gate.open.set()
    await asyncio.gather(*calls)
    assert gate.ran[:4] == ["flood", "flood", "ada", "grace"]
    gate.pool.close()


async def test_who_is_known_waits_behind_no_stranger() -> None:
    gate = Gate(FairPool(1))
    calls = [gate.start(f"stranger {number}") for number in range(20)]
    await asyncio.sleep(0)
    calls.append(gate.start("ada", known=True))
    await asyncio.sleep(0)
    gate.open.set()
    await asyncio.gather(*calls)
    assert gate.ran.index("ada") == 1
    gate.pool.close()


async def test_a_full_pool_takes_from_who_has_most_and_refuses_who_has_as_much() -> None:
    gate = Gate(FairPool(1, waiting=4))
    calls = [gate.start("flood") for _ in range(5)]  # one runs, four wait
    await asyncio.sleep(0)
    with pytest.raises(TooManyAttempts):
        await gate.start("flood")
    ada = gate.start("ada")
    await asyncio.sleep(0)
    gate.open.set()
    answers = await asyncio.gather(*calls, ada, return_exceptions=True)
    assert [type(answer) for answer in answers].count(TooManyAttempts) == 1
    assert answers[-1] == "ada"
    gate.pool.close()


async def test_who_gives_up_waiting_leaves_its_place() -> None:
    gate = Gate(FairPool(1, waiting=2))
    running = gate.start("a")
    await asyncio.sleep(0)
    for _ in range(10):
        left = gate.start("b")
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
    waiting = [gate.start("b"), gate.start("c")]
    await asyncio.sleep(0)
    gate.open.set()
    assert await asyncio.gather(running, *waiting) == ["a", "b", "c"]
    assert gate.ran == ["a", "b", "c"]
    gate.pool.close()


async def test_a_call_that_fails_fails_for_its_caller_alone() -> None:
    def broken() -> str:
        raise ValueError("broken")

    pool = FairPool(1)
    with pytest.raises(ValueError, match="broken"):
        await pool.run("a", broken)
    assert await pool.run("a", lambda: "fine") == "fine"
    pool.close()
