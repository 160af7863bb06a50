"""Waiting for what can be observed, instead of for a time. Each test has its own limit."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

LOOK_SECONDS = 0.01


async def until(condition: Callable[[], object | Awaitable[object]]) -> None:
    """Returns once the condition, a function or a coroutine function, gives something true."""
    while not await _answer(condition):
        await asyncio.sleep(LOOK_SECONDS)


async def _answer(condition: Callable[[], object | Awaitable[object]]) -> object:
    answer = condition()
    return await answer if inspect.isawaitable(answer) else answer
