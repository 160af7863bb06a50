"""Redis dies, freezes and comes back empty, between two gateways whose people read each other's replies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from lam.client.client import Client
from lam.protocol.events import Done, Event, Metadata
from lam.testing.server import Reply, ScriptedServer

from ..redis_server import RedisServer
from ..running import Gateway, raw_stream
from ..several import clients_of_account, running_gateways
from ..waiting import until

pytestmark = [pytest.mark.live, pytest.mark.postgresql, pytest.mark.timeout(300)]

PIECES = tuple(f"piece {number}, " for number in range(60))


@pytest.fixture
async def two(tmp_path: Path, mortal_redis: RedisServer, scripted: ScriptedServer) -> AsyncIterator[list[Gateway]]:
    async with running_gateways(2, tmp_path, mortal_redis, llm_server_url=scripted.url) as gateways:
        yield gateways


@pytest.fixture
async def clients(two: list[Gateway]) -> AsyncIterator[list[Client]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(client) for client in await clients_of_account(two, "ada@example.org")]


async def test_readers_elsewhere_leave_while_redis_is_away_and_resume_when_it_is_back(
    two: list[Gateway], clients: list[Client], scripted: ScriptedServer, mortal_redis: RedisServer
) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    here, elsewhere = clients
    session = (await here.create_session())["id"]
    links = [gateway.parts.several.signals for gateway in two if gateway.parts and gateway.parts.several]
    assert len(links) == 2
    async with raw_stream(here, session, on_disconnect="continue") as own:
        opening = await own.until(Metadata)
        assert isinstance(opening, Metadata)
        assert opening.stream_id
        path = f"/api/chatbot/streams/{opening.stream_id}"
        read: list[tuple[int, Event]] = []

        async def read_once() -> None:
            async for number, event in elsewhere.events("GET", path, headers={"Last-Event-ID": str(read[-1][0] if read else 0)}):
                read.append((number, event))

        reading = asyncio.create_task(read_once())
        scripted.step(20)
        while len(own.events) < 20:
            await own.read()
        await until(lambda: len(read) >= 20)
        mortal_redis.kill()
        scripted.step(20)
        while len(own.events) < 40:  # nothing happens to a reader at the run's own gateway
            await own.read()
        await reading
        assert not any(isinstance(event, Done) for _, event in read)
        mortal_redis.start()  # with nothing in it
        await until(lambda: all(link.since_lost is None for link in links))
        reading = asyncio.create_task(read_once())
        scripted.step(20)
        assert isinstance((await own.rest())[-1], Done)
        await reading
    assert read == own.events
    assert [number for number, _ in read] == list(range(1, len(read) + 1))
    stored = (await elsewhere.call("GET", f"/api/chatbot/sessions/{session}/messages"))[-1]
    assert (stored["content"], stored["status"]) == ("".join(PIECES), "complete")
