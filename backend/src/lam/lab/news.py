"""Tells the owner of a run which of its cells changed, gathered for a moment.

It must not know who listens: `tell` does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from types import TracebackType
from typing import Any, Final, Protocol, Self

from lam.background import Background

GATHER_SECONDS: Final = 0.25


class Tell(Protocol):
    def listens(self, user_id: int) -> bool:
        """Returns whether the person is connected, or was until a moment ago."""
        ...

    def lab(self, user_id: int, event: dict[str, Any]) -> None:
        """Puts an event into the person's feed."""
        ...


Describe = Callable[[int, int, Collection[int]], Awaitable[dict[str, Any] | None]]


class News:
    """An async context manager: it owns the task that tells. `describe(run_id, user_id, numbers)`: returns the event for these
    cells, None when the run is gone."""

    def __init__(self, tell: Tell, describe: Describe) -> None:
        self._tell = tell
        self._describe = describe
        self._changed: dict[tuple[int, int], set[int]] = {}  # cells by person and run
        self._wake = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._tasks = Background()
        self._tasks.keep("lab-news", self._keep_telling)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    def changed(self, user_id: int, run_id: int, numbers: Collection[int]) -> None:
        if self._tell.listens(user_id):
            self._changed.setdefault((user_id, run_id), set()).update(numbers)
            self._wake.set()

    def deleted(self, user_id: int, run_id: int) -> None:
        self._changed.pop((user_id, run_id), None)
        if self._tell.listens(user_id):
            self._tell.lab(user_id, {"type": "lab_deleted", "run": run_id})

    async def _keep_telling(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._wake.clear()
            while self._changed:
                (user_id, run_id), numbers = self._changed.popitem()
                try:
                    event = await self._describe(run_id, user_id, numbers)
                except Exception:
                    self.changed(user_id, run_id, numbers)
                    raise  # `Background` restarts the task
                if event is not None:
                    self._tell.lab(user_id, event)
