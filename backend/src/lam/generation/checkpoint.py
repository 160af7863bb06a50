"""Saves the new events of all open runs every `seconds`, in one transaction.

It keeps the database off the path of each token, and knows the store only by its contract.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from lam.errors import LamError
from lam.generation.contracts import RunStore
from lam.generation.run import Life, Run

log = logging.getLogger(__name__)


async def keep_checkpoints(store: RunStore, runs: Callable[[], Iterable[Run]], seconds: float) -> None:
    """Saves checkpoints until it is cancelled. When the database is unavailable, it logs a warning and tries again; no events are
    lost."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await checkpoint(store, runs())
        except LamError as error:
            log.warning("A checkpoint was put off: %s", error.message)


async def checkpoint(store: RunStore, runs: Iterable[Run]) -> None:
    """Saves the events since the last checkpoint. Raises StorageUnavailable; then none of the runs counts as saved."""
    pending = [(run, unsaved) for run in runs if run.life < Life.ENDING and (unsaved := run.unsaved())]
    if not pending:
        return
    await store.checkpoint([unsaved for _, unsaved in pending])
    for run, unsaved in pending:
        run.checkpointed(unsaved)
