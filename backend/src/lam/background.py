"""Keeps tasks running: an exception is logged and counted, and the task starts again. It knows nothing of their work."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

log = logging.getLogger(__name__)

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 10.0
failures: Counter[str] = Counter()
"""How often the tasks of each name have failed in this process."""


class Background:
    """Owns tasks; `close` cancels them and waits for them to end."""

    def __init__(self, *, first_pause: float = FIRST_PAUSE) -> None:
        self._first_pause = first_pause
        self._tasks: set[asyncio.Task[object]] = set()

    def keep(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Runs `work` until `close`. Starts it again when it ends, after a pause that grows while it fails at once."""
        self._start(name, self._kept(name, work))

    def run(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Runs `work` once; an exception is logged and counted."""
        self._start(name, self._once(name, work))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, name: str, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _kept(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        clock = asyncio.get_running_loop().time
        pause = self._first_pause
        while True:
            began = clock()
            if await self._once(name, work) or clock() - began > LONGEST_PAUSE:
                pause = self._first_pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    @staticmethod
    async def _once(name: str, work: Callable[[], Awaitable[object]]) -> bool:
        try:
            await work()
        except Exception:
            failures[name] += 1
            log.exception("The task %s failed", name)
            return False
        return True
