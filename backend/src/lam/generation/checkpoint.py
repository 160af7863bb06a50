"""One task that once a second saves what running replies have gained, all in one transaction, off the per-token path."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from lam.errors import LamError
from lam.generation.contracts import RunStore
from lam.generation.run import Life, Run

log = logging.getLogger(__name__)


async def keep_checkpoints(store: RunStore, runs: Callable[[], Iterable[Run]], seconds: float) -> None:
    """Runs until it is cancelled. A database that is away is tried again: nothing is forgotten meanwhile."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await checkpoint(store, runs())
        except LamError as error:
            log.warning("A checkpoint was put off: %s", error.message)


async def checkpoint(store: RunStore, runs: Iterable[Run]) -> None:
    """Saves the events that came since the last time. Raises StorageUnavailable, and then nothing counts as saved."""
    taken = [(run, unsaved) for run in runs if run.life < Life.ENDING and (unsaved := run.unsaved())]
    if not taken:
        return
    await store.checkpoint([unsaved for _, unsaved in taken])
    for run, unsaved in taken:
        run.checkpointed(unsaved)
