"""Open runs in the database: the store that `generation` needs, with one unit of work per call.

It must not know what a run is about.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from lam.errors import LeaseLost
from lam.protocol.events import SavedEvent
from lam.protocol.runs import Checkpoint, Lease, OpenRun, OrphanRule, Reached
from lam.storage.database import Database


class RunStore:
    """A `generation.contracts.RunStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def moved_at(self) -> float:
        return self._database.moved_at

    async def checkpoint(self, checkpoints: Sequence[Checkpoint]) -> None:
        async with self._database.write() as unit:
            await unit.runs.checkpoint(checkpoints)

    async def take_over(self, owner: str, rule: OrphanRule | None = None) -> list[OpenRun]:
        async with self._database.write() as unit:
            return await unit.runs.take_over(owner, rule)

    async def of_owner(self, owner: str, before: datetime) -> list[str]:
        async with self._database.read() as unit:
            return await unit.runs.of_owner(owner, before)

    async def give_away(self, leases: Sequence[Lease]) -> None:
        async with self._database.write() as unit:
            await unit.runs.give_away(leases)

    async def find(self, run_id: str) -> OpenRun | None:
        async with self._database.read() as unit:
            return await unit.runs.find(run_id)

    async def of_key(self, key: str) -> OpenRun | None:
        async with self._database.read() as unit:
            return await unit.runs.of_key(key)

    async def progress(self, run_id: str) -> list[SavedEvent]:
        async with self._database.read() as unit:
            return await unit.runs.progress(run_id)

    async def reached(self, run_id: str) -> Reached:
        async with self._database.read() as unit:
            return await unit.runs.reached(run_id)

    async def forget(self, lease: Lease) -> None:
        with suppress(LeaseLost):
            async with self._database.write() as unit:
                if await unit.runs.close(lease):
                    await unit.spending.forget(lease.run_id)
