"""Waiting for what can be observed, instead of for a time. Each test has its own limit."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

LOOK_SECONDS = 0.01


async def until(condition: Callable[[], object | Awaitable[object]]) -> None:
    """Returns once the condition, a function or a coroutine function, gives something true."""
    while not await _answer(condition):
        await asyncio.sleep(LOOK_SECONDS)


async def _answer(condition: Callable[[], object | Awaitable[object]]) -> object:
    answer = condition()
    return await answer if inspect.isawaitable(answer) else answer


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[Callable[[], float]]:
    """Raises TimeoutError after so many seconds in which the machine gave this process its turns: of a longer pause between two of
    them a moment counts. For promises about time that are kept inside this process. Yields what gives the seconds so far."""
    loop, passed = asyncio.get_running_loop(), 0.0

    async def count(limit: asyncio.Timeout) -> None:
        nonlocal passed
        before = loop.time()
        while passed < seconds:
            await asyncio.sleep(LOOK_SECONDS)
            before, elapsed = loop.time(), loop.time() - before
            passed += min(elapsed, 3 * LOOK_SECONDS)
        limit.reschedule(loop.time())

    async with asyncio.timeout(None) as limit:
        counting = asyncio.create_task(count(limit))
        try:
            yield lambda: passed
        finally:
            counting.cancel()


async def early_in_a_minute() -> None:
    """Budgets count by UTC's minutes: what is to happen in one of them begins when it has ten seconds left, or more."""
    while datetime.now(UTC).second >= 50:
        await asyncio.sleep(0.1)
