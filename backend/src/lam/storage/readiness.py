"""Whether the database can be written to now: the files are in place, the disk has room, and a small write succeeds.

It must not repair anything.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from lam.errors import StorageUnavailable
from lam.storage.database import Database
from lam.storage.database_file import LEAST_FREE_BYTES

WAIT_SECONDS: Final = 3


class Belief(Struct, frozen=True):
    """How long a result counts, in seconds, after a write that succeeded and after one that failed; and the bytes that must be
    free on the disk."""

    good: float = 5
    bad: float = 1
    least_free: int = LEAST_FREE_BYTES


class Readiness:
    """Tests whether a write succeeds. Frequent calls are cheap: one write serves them all. The owner calls `close`, which ends
    the write in progress."""

    def __init__(self, database: Database, belief: Belief | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._belief = belief or Belief()
        self._clock = clock
        self._trial: asyncio.Task[str | None] | None = None
        self._ended_at = 0.0

    async def close(self) -> None:
        if self._trial is not None:
            self._trial.cancel()
            await asyncio.gather(self._trial, return_exceptions=True)

    async def problem(self) -> str | None:
        """Returns a sentence, or None when all is well."""
        if (known := self._database.problem()) is not None:
            return known.message
        file = self._database.file
        if file is not None and (free := file.free_bytes()) is not None and free < self._belief.least_free:
            return f"The disk that holds the database is full ({free >> 10} KiB are free in {file.path.parent}): make room."
        trial = self._latest()
        done, _ = await asyncio.wait({trial}, timeout=WAIT_SECONDS)
        return trial.result() if done else "The database takes no writes at the moment: others hold it."

    def _latest(self) -> asyncio.Task[str | None]:
        trial = self._trial
        if trial is not None:
            if not trial.done():
                return trial
            if not trial.cancelled():
                believed = self._belief.bad if trial.result() else self._belief.good
                if self._clock() - self._ended_at < believed:
                    return trial
        self._trial = asyncio.create_task(self._try_out(), name="storage-trial")
        return self._trial

    async def _try_out(self) -> str | None:
        try:
            await self._database.try_out()
        except StorageUnavailable as error:
            return error.message
        except Exception as error:
            return f"The database cannot be used ({type(error).__name__})."
        finally:
            self._ended_at = self._clock()
        return None
