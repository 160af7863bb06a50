"""A kind of run that only tests have: it counts. All that it needs of the product is in this file."""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Literal

import msgspec
from fastapi import APIRouter, FastAPI, Response
from msgspec import Struct
from sqlalchemy import text

from lam.api.dependencies import Caller, Parts
from lam.api.event_stream import EventStream
from lam.api.services import Services
from lam.chat.streams import Following
from lam.cli.server import run, serve
from lam.errors import Conflict, NotFound
from lam.gateway import create_app
from lam.generation.contracts import Batches
from lam.generation.run import Run
from lam.protocol.events import Chunk, Done, EngineEvent, Error, Event, Finished, Metadata
from lam.protocol.outcome import Outcome
from lam.protocol.runs import Lease, OnDisconnect, OpenRun
from lam.settings import Settings, load_settings
from lam.storage.database import Database

COUNT = "count"
TABLE = "CREATE TABLE IF NOT EXISTS counts (run VARCHAR(64) PRIMARY KEY, user_id INTEGER, status VARCHAR(16), content TEXT)"


async def make_table(database: Database) -> None:
    """Makes it where it is not there. `IF NOT EXISTS` is refused where somebody else makes it at the same moment."""
    with suppress(Conflict):
        async with database.write() as unit:
            await unit._connection.execute(text(TABLE))


class CountOrder(Struct):
    to: int
    pause: float


class CountSink:
    def __init__(self, order: CountOrder, run_id: str, user_id: int, database: Database) -> None:
        self.order = order
        self._run_id = run_id
        self._user_id = user_id
        self._database = database

    def opening(self) -> Sequence[Event]:
        return [Metadata(0, None, "", self._run_id)]

    def prompt_tokens(self) -> int:
        return 0

    async def commit(self, outcome: Outcome, lease: Lease) -> None:
        async with self._database.write() as unit:
            if await unit.runs.close(lease):
                row = {"run": self._run_id, "user": self._user_id, "status": outcome.status, "content": outcome.text}
                await unit._connection.execute(text("INSERT INTO counts VALUES (:run, :user, :status, :content)"), row)

    def ending(self, outcome: Outcome) -> Done | Error:
        failure = outcome.facts.failure
        if failure is not None:
            return Error(failure.message, failure.code, failure.retryable)
        return Done(None, outcome.text, outcome.facts.finish_reason or "stop")


class Counter:
    """A `Kind`."""

    name = COUNT

    def __init__(self, database: Database) -> None:
        self._database = database

    async def restore(self, run: OpenRun) -> CountSink:
        return CountSink(msgspec.json.decode(run.request, type=CountOrder), run.id, run.user_id, self._database)

    async def status(self, run_id: str, user_id: int, action: Literal["read", "stop"]) -> str | None:
        found = await self._result(run_id, user_id)
        return found[0] if found else None

    async def rebuild(self, run_id: str, user_id: int) -> Sequence[Event]:
        found = await self._result(run_id, user_id)
        if found is None:
            raise NotFound
        status, content = found
        metadata = Metadata(0, None, "", run_id, rebuilt=True)
        end = Done(None, content) if status == "complete" else Error(status, "interrupted", True)
        return [metadata, Chunk(content), end] if content else [metadata, end]

    async def _result(self, run_id: str, user_id: int) -> tuple[str, str] | None:
        await make_table(self._database)
        async with self._database.read() as unit:
            rows = await unit._connection.execute(
                text(
                    "SELECT status, content FROM counts WHERE run = :run AND user_id = :user UNION ALL"
                    " SELECT 'streaming', '' FROM runs WHERE id = :run AND user_id = :user AND kind = 'count'"
                ),
                {"run": run_id, "user": user_id},
            )
            found = rows.first()
        return (found[0], found[1]) if found else None


@asynccontextmanager
async def counting(order: CountOrder) -> AsyncIterator[Batches]:
    batches = _count(order)
    try:
        yield batches
    finally:
        await batches.aclose()


async def _count(order: CountOrder) -> AsyncGenerator[list[EngineEvent]]:
    for number in range(order.to):
        await asyncio.sleep(order.pause)  # Time itself: how fast it counts
        yield [Chunk(f"{number} ")]
    yield [Finished("stop")]


async def start_count(
    parts: Services, user_id: int, order: CountOrder, *, key: str | None = None, on_disconnect: OnDisconnect = "continue"
) -> Run:
    await make_table(parts.database)
    async with parts.supervisor.claim(key, user_id) as claim:
        record = parts.supervisor.record(claim, COUNT, msgspec.json.encode(order), on_disconnect)
        async with parts.database.write() as unit:
            await unit.runs.add(record, datetime.now(UTC))
        sink = CountSink(order, record.id, user_id, parts.database)
        return parts.supervisor.start(claim, record, counting(order), sink)


router = APIRouter()


@router.post("/test/count", response_class=Response)
async def count(caller: Caller, parts: Parts, to: int = 1000, pause: float = 0.01, key: str | None = None) -> EventStream:
    run = await start_count(parts, caller.user.id, CountOrder(to, pause), key=key)
    return EventStream(Following(stream_id=run.id, log=run.log, run=run), parts.open_streams, caller)


def make(settings: Settings) -> FastAPI:
    """The gateway, and the counter."""
    app = create_app(settings, kinds=[Counter])
    app.router.routes[:0] = router.routes
    return app


PROGRAM = "from tests.counter import main; main()"


def main() -> None:
    settings = load_settings()
    run(serve(settings, ready=lambda url: print(f"The counter serves {url}", file=sys.stderr, flush=True), make=make))
