"""Open runs in the database: the store that `generation` needs, with one unit of work per call.

It must not know what a run is about.
"""

from collections.abc import Sequence

from lam.protocol.events import ContentEvent
from lam.protocol.runs import Checkpoint, Lease, OpenRun
from lam.storage.database import Database


class RunStore:
    """A `generation.contracts.RunStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def checkpoint(self, checkpoints: Sequence[Checkpoint]) -> None:
        async with self._database.write() as unit:
            await unit.runs.checkpoint(checkpoints)

    async def take_over(self, owner: str) -> list[OpenRun]:
        async with self._database.write() as unit:
            return await unit.runs.take_over(owner)

    async def of_key(self, key: str) -> OpenRun | None:
        async with self._database.read() as unit:
            return await unit.runs.of_key(key)

    async def progress(self, run_id: str) -> list[ContentEvent]:
        async with self._database.read() as unit:
            return await unit.runs.progress(run_id)

    async def forget(self, lease: Lease) -> None:
        async with self._database.write() as unit:
            await unit.runs.close(lease)
