"""A further kind of run, in one file of its own, is treated like a reply in every respect."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lam.errors import Interrupted, NotFound, SessionBusy, ShuttingDown, TooManyStreams
from lam.gateway import Bounds
from lam.generation.run import Life, Run
from lam.generation.supervisor import Waits
from lam.protocol.events import Chunk, Done, Error, Event
from lam.protocol.runs import OpenRun
from lam.testing.server import ScriptedServer

from ..counter import Counter, CountOrder, start_count
from ..running import Gateway, collect, running_gateway

ME = 1  # the local account


@pytest.fixture
async def counts(scripted: ScriptedServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running_gateway(
        tmp_path / "data",
        bounds=Bounds(runs=Waits(room=0.1)),
        kinds=[Counter],
        llm_server_url=scripted.url,
        lam_max_streams_per_user=3,
        lam_detach_seconds=0.2,
    ) as gateway:
        yield gateway


async def read(gateway: Gateway, run_id: str, after: int = 0) -> list[Event]:
    async with gateway.client() as client:
        return [event async for _, event in client.follow(run_id, after)]


def text(events: list[Event]) -> str:
    return "".join(event.content for event in events if isinstance(event, Chunk))


async def until_written(run: Run, events: int) -> None:
    while run.log.last < events:
        await asyncio.sleep(0.001)


async def open_runs(gateway: Gateway) -> int:
    async with gateway.parts.database.write() as unit:
        return len(await unit.runs.take_over("whoever looks"))


async def test_it_streams_and_resumes_and_is_rebuilt(counts: Gateway) -> None:
    run = await start_count(counts.parts, ME, CountOrder(5, 0.01))
    events = await read(counts, run.id)
    assert text(events) == "0 1 2 3 4 "
    assert isinstance(events[-1], Done)
    assert text(await read(counts, run.id, after=3)) == "2 3 4 "
    counts.parts.streams._shelf._ended.clear()
    again = await read(counts, run.id)
    assert (text(again), type(again[-1])) == ("0 1 2 3 4 ", Done)
    assert await open_runs(counts) == 0
    with pytest.raises(NotFound):
        await counts.parts.streams.find(run.id, ME + 1)


async def test_it_stops_at_what_was_shown(counts: Gateway) -> None:
    run = await start_count(counts.parts, ME, CountOrder(1000, 0.001))
    await until_written(run, 6)
    assert await counts.parts.streams.stop(run.id, ME, 4) == "cancelled"
    end = (await read(counts, run.id))[-1]
    assert isinstance(end, Done)
    assert (end.full_content, end.finish_reason) == ("0 1 ", "cancelled")


async def test_a_run_that_nobody_reads_is_stopped(counts: Gateway) -> None:
    run = await start_count(counts.parts, ME, CountOrder(100_000, 0.001), on_disconnect="cancel")
    assert await run.saved(10)
    assert run.outcome is not None
    assert run.outcome.status == "cancelled"


async def test_a_key_has_one_run_at_a_time_and_a_user_as_many_as_allowed(counts: Gateway) -> None:
    first = await start_count(counts.parts, ME, CountOrder(100_000, 0.01), key="game:1")
    with pytest.raises(SessionBusy) as caught:
        await start_count(counts.parts, ME, CountOrder(1, 0), key="game:1")
    assert caught.value.stream_id == first.id
    for key in ("game:2", "game:3"):
        await start_count(counts.parts, ME, CountOrder(100_000, 0.01), key=key)
    with pytest.raises(TooManyStreams):
        await start_count(counts.parts, ME, CountOrder(1, 0), key="game:4")
    await counts.parts.supervisor.end_key("game:1")
    assert await open_runs(counts) == 2


async def test_it_drains(counts: Gateway) -> None:
    run = await start_count(counts.parts, ME, CountOrder(100_000, 0.001))
    await until_written(run, 3)
    await counts.parts.supervisor.drain(0)
    assert (run.life, await open_runs(counts)) == (Life.SAVED, 0)
    end = run.log.since(run.log.last - 1)[0].event
    assert isinstance(end, Error)
    assert end.code == Interrupted.code
    with pytest.raises(ShuttingDown):
        await start_count(counts.parts, ME, CountOrder(1, 0))


async def test_a_row_that_stayed_behind_does_not_block_its_session(counts: Gateway, scripted: ScriptedServer) -> None:
    async with counts.client() as client:
        session = (await client.create_session())["id"]
        left = OpenRun(id="left", kind="reply", key=f"session:{session}", user_id=ME, owner="somebody")
        async with counts.parts.database.write() as unit:
            await unit.runs.add(left, datetime.now(UTC))
        assert isinstance((await collect(client, session))[-1], Done)
    assert await open_runs(counts) == 0


async def test_an_owner_that_lost_its_run_writes_nothing(counts: Gateway) -> None:
    run = await start_count(counts.parts, ME, CountOrder(10_000, 0.05))
    await until_written(run, 3)
    store = counts.parts.supervisor._store
    (taken,) = await store.take_over("another gateway")
    await counts.parts.supervisor.stop(run.id)
    assert await run.saved(30)
    assert await Counter(counts.parts.database).status(run.id, ME, "read") == "streaming"
    await store.forget(taken.lease)
    assert await Counter(counts.parts.database).status(run.id, ME, "read") is None
