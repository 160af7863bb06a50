"""Blocking generators on a thread of their own, step by step, so that all that run get a step in turn."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")
_END: Final = object()


class TooMany(Exception):
    """As many generators run as may."""


class Steps:
    """One thread. `most`: how many generators may run at a time."""

    def __init__(self, name: str, most: int) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._most = most
        self.running = 0

    def close(self) -> None:
        """Waits for the present step, and drops the others."""
        self._thread.shutdown(cancel_futures=True)

    async def of(self, make: Callable[[], Generator[T]]) -> AsyncGenerator[T]:
        """Yields what the generator yields. When it is closed early, the generator is closed after its present step.

        Raises TooMany before the first step, and what the generator raises.
        """
        if self.running >= self._most:
            raise TooMany
        self.running += 1
        loop = asyncio.get_running_loop()
        generator = make()
        try:
            while True:
                value = await loop.run_in_executor(self._thread, next, generator, _END)
                if value is _END:
                    return
                yield value  # type: ignore[misc]  # _END is no T
        finally:
            self.running -= 1
            self._thread.submit(generator.close)  # behind the present step: a running generator cannot be closed
