"""A line for a few places, first come, first served. It refuses somebody only while it stands still.

A wait behind others who are served is a delay, however long on a busy machine; a wait while nobody is served is an outage. It must
not know what is done in a place.
"""

import asyncio
from collections import deque
from types import TracebackType
from typing import Self

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

    def place(self) -> "Place":
        """A place in the line: an async context manager. Entering waits, and raises StorageUnavailable after `patience` seconds
        without a success of anybody."""
        return Place(self)

    async def enter(self) -> None:
        """Waits for a place. Raises StorageUnavailable."""
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
                self.leave()  # the place came at the same moment
            else:
                self._waiting.remove(turn)
            raise

    def leave(self) -> None:
        """Gives a place to the next waiter."""
        if self._waiting:
            self._waiting.popleft().set_result(None)
        else:
            self._free += 1

    def note_success(self) -> None:
        """Notes that the line moves."""
        self._moved_at = asyncio.get_running_loop().time()


class Place:
    """Somebody's place in a line. What raises StorageUnavailable is no success; what raises any other error is."""

    __slots__ = ("_is_held", "_line")

    def __init__(self, line: Line) -> None:
        self._line = line
        self._is_held = False

    async def __aenter__(self) -> Self:
        await self._line.enter()
        self._is_held = True
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None or (isinstance(error, Exception) and not isinstance(error, StorageUnavailable)):
            self.give_on()  # the database answered
        elif self._is_held:
            self._line.leave()

    def give_on(self) -> None:
        """Gives the place to the next waiter before the block ends."""
        if self._is_held:
            self._is_held = False
            self._line.note_success()
            self._line.leave()
