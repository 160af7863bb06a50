"""One task that once a second saves what running replies have gained, all in one transaction, off the per-token path."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from lam.errors import LamError
from lam.generation.run import Run
from lam.storage.database import Database

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 0.7  # with the write itself, less than a second of text is at stake, on a busy machine too


async def keep_checkpoints(database: Database, runs: Callable[[], Iterable[Run]]) -> None:
    """Runs until it is cancelled. A database that is away is tried again: nothing is forgotten meanwhile."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await checkpoint(database, runs())
        except LamError as error:
            log.warning("A checkpoint was put off: %s", error.message)


async def checkpoint(database: Database, runs: Iterable[Run]) -> None:
    """Saves the text that came since the last time. Raises StorageUnavailable, and then nothing counts as saved."""
    taken = [(run, unsaved) for run in runs if not run.settled and (unsaved := run.unsaved())]
    if not taken:
        return
    for run, _ in taken:
        run.has_checkpoints = True
    async with database.write() as unit:
        await unit.checkpoints.append([unsaved for _, unsaved in taken])
    for run, unsaved in taken:
        run.checkpointed(unsaved)
