"""A line for a few places, first come, first served. It refuses somebody only while it stands still.

A wait behind others who are served is a delay, however long on a busy machine; a wait while nobody is served is an outage. It must
not know what is done in a place.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lam.errors import StorageUnavailable


class Line:
    """`places`: how many may be used at a time. `patience`: seconds without a success, after which a waiter is refused."""

    def __init__(self, places: int, patience: float) -> None:
        self._free = places
        self._patience = patience
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._moved_at = 0.0

    @property
    def moved_at(self) -> float:
        """The event loop's time of the last success."""
        return self._moved_at

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Callable[[], None]]:
        """Waits for a place and holds it. Yields a function that gives the place to the next waiter before the block ends. Raises
        StorageUnavailable after `patience` seconds without a success.

        A block that raises StorageUnavailable is no success; one that raises any other error is.
        """
        await self._enter()
        is_held = True

        def give_on() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                self._moved_at = asyncio.get_running_loop().time()
                self._leave()

        try:
            yield give_on
        except StorageUnavailable:
            raise
        except Exception:
            give_on()  # the database answered
            raise
        else:
            give_on()
        finally:
            if is_held:
                self._leave()

    async def _enter(self) -> None:
        if self._free > 0:  # then nobody waits
            self._free -= 1
            return
        loop = asyncio.get_running_loop()
        asked_at, turn = loop.time(), loop.create_future()
        self._waiting.append(turn)
        try:
            while not turn.done():
                left = max(asked_at, self._moved_at) + self._patience - loop.time()
                if left <= 0:
                    raise StorageUnavailable("The database is busy; try again in a moment.")
                await asyncio.wait({turn}, timeout=left)
        except BaseException:
            if turn.done():
                self._leave()  # the place came at the same moment
            else:
                self._waiting.remove(turn)
            raise

    def _leave(self) -> None:
        if self._waiting:
            self._waiting.popleft().set_result(None)
        else:
            self._free += 1
