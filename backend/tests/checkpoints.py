"""What is stored of a reply that goes on in another process."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from pathlib import Path

from lam.protocol.snapshot import Snapshot
from lam.storage.database import Database

from . import databases


async def until_stored(data: Path, run_id: str, holds: Callable[[Snapshot], bool | Awaitable[bool]]) -> None:
    """Returns once the checkpoints of a run hold what they are to hold. `data`: the gateway's data folder."""
    database = Database(databases.url_for(data))
    try:
        while not await _answer(holds(await _stored(database, run_id))):
            await asyncio.sleep(0.02)
    finally:
        await database.close()


async def _stored(database: Database, run_id: str) -> Snapshot:
    snapshot = Snapshot()
    async with database.read() as unit:
        for event in await unit.runs.progress(run_id):
            snapshot.add(event)
    return snapshot


async def _answer(answer: bool | Awaitable[bool]) -> bool:
    return await answer if isawaitable(answer) else answer
