"""Whose turn it is: one turn at a time for each person, and a few at a time for all. It must not know what is done in a turn."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Turns:
    """Lets `at_once` things be done at a time, for different users; others wait."""

    def __init__(self, at_once: int, waiting: int, refusal: Callable[[], Exception]) -> None:
        """`waiting`: how many things of one user may wait, or be done. `refusal`: makes the error for one more."""
        self._turns = asyncio.Semaphore(at_once)
        self._waiting = waiting
        self._refusal = refusal
        self._users: dict[int, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of_user(self, user_id: int) -> AsyncIterator[None]:
        """Waits until nothing else of the user is received or done. Raises the refusal when too much waits."""
        lock, waiting = self._users.get(user_id, (asyncio.Lock(), 0))
        if waiting >= self._waiting:
            raise self._refusal()
        self._users[user_id] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._users.pop(user_id)
            if waiting > 1:
                self._users[user_id] = (lock, waiting - 1)

    def place(self) -> asyncio.Semaphore:
        """Returns the context in which something is done, beside few others."""
        return self._turns
