"""Runs on several gateways: known, read, stopped and taken over from each other."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lam.client.client import Client
from lam.gateway import Bounds
from lam.generation.supervisor import Waits
from lam.protocol.events import Chunk, Done, Event, Metadata
from lam.protocol.snapshot import Snapshot
from lam.storage.leases import Pace
from lam.storage.run_store import RunStore
from lam.testing.server import Reply, ScriptedServer

from ..redis_server import RedisServer
from ..running import Gateway, RawStream, raw_stream
from ..several import clients_of_account, running_gateways

pytestmark = [pytest.mark.postgresql, pytest.mark.sse, pytest.mark.timeout(120)]

PIECES = ("Once ", "upon ", "a ", "time, ", "there ", "was ", "a ", "maze.")
WHOLE = "".join(PIECES)
QUICK = Bounds(leases=Pace(beat=0.2, lease=5), runs=Waits(checkpoint=0.05))
DETACH_SECONDS = 2


@pytest.fixture
async def three(tmp_path: Path, redis: RedisServer, scripted: ScriptedServer) -> AsyncIterator[list[Gateway]]:
    settings = {"llm_server_url": scripted.url, "lam_detach_seconds": DETACH_SECONDS}
    async with running_gateways(3, tmp_path, redis, bounds=QUICK, **settings) as gateways:
        await until(lambda: all(len(leases(gateway).peers()) == 2 for gateway in gateways))
        yield gateways


@pytest.fixture
async def clients(three: list[Gateway]) -> AsyncIterator[list[Client]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(client) for client in await clients_of_account(three, "ada@example.org")]


def leases(gateway: Gateway) -> Any:
    assert gateway.parts.several
    return gateway.parts.several.leases


def remote_runs(gateway: Gateway) -> Any:
    assert gateway.parts.several
    return gateway.parts.several.remote_runs


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


def fold(events: list[Event]) -> Snapshot:
    snapshot = Snapshot()
    for event in events:
        snapshot.add(event)
    return snapshot


async def id_of_running(stream: RawStream) -> str:
    metadata = await stream.until(Metadata)
    assert isinstance(metadata, Metadata)
    assert metadata.stream_id
    return metadata.stream_id


@asynccontextmanager
async def raw_follow(client: Client, stream_id: str, after: int = 0) -> AsyncIterator[RawStream]:
    path = f"{client.url}/api/chatbot/streams/{stream_id}"
    async with aiohttp.ClientSession(headers=client._headers | {"Last-Event-ID": str(after)}) as http:
        async with http.get(path) as response:
            assert response.status == 200, await response.text()
            yield RawStream(response)


async def message(client: Client, session: int) -> dict[str, Any]:
    answer: dict[str, Any] = (await client.call("GET", f"/api/chatbot/sessions/{session}/messages"))[-1]
    return answer


async def test_each_gateway_knows_what_runs_at_the_others(
    three: list[Gateway], clients: list[Client], scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    a, b, c = clients
    session = (await a.create_session())["id"]
    async with raw_stream(a, session) as stream:
        stream_id = await id_of_running(stream)
        for gateway in three[1:]:
            await until(lambda gateway=gateway: remote_runs(gateway).get(stream_id))
            assert remote_runs(gateway).of_key(f"session:{session}").id == stream_id
        for client in (b, c):
            assert (await client.call("GET", f"/api/chatbot/sessions/{session}"))["running"] is True
        scripted.step(len(PIECES))
        assert isinstance((await stream.rest())[-1], Done)
    for gateway in three[1:]:
        await until(lambda gateway=gateway: not remote_runs(gateway).running())
    assert (await message(c, session))["content"] == WHOLE


async def test_a_reader_elsewhere_gets_the_same_bytes_and_keeps_the_run(
    three: list[Gateway], clients: list[Client], scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    a, b, c = clients
    session = (await a.create_session())["id"]
    async with AsyncExitStack() as stack:
        async with raw_stream(a, session) as stream:
            stream_id = await id_of_running(stream)
            scripted.step(3)
            while len(fold([event for _, event in stream.events]).text) < len("Once upon a"):
                assert await stream.read()
            second = await stack.enter_async_context(raw_follow(b, stream_id))
            third = await stack.enter_async_context(raw_follow(c, stream_id, after=2))
            await second.until(Chunk)
            run = three[0].parts.supervisor.local(stream_id)
            assert run is not None
            await until(lambda: run.readers == 3)
        await until(lambda: run.readers == 2)
        scripted.step(len(PIECES))
        await second.rest()
        await third.rest()
    async with raw_follow(a, stream_id) as whole:
        await whole.rest()
    assert second.bytes == whole.bytes
    assert third.events == whole.events[2:]
    assert isinstance(done := whole.events[-1][1], Done)
    assert done.full_content == WHOLE


async def test_a_run_that_is_read_only_elsewhere_ends_when_that_reader_leaves(
    three: list[Gateway], clients: list[Client], scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    a, b, _ = clients
    session = (await a.create_session())["id"]
    async with AsyncExitStack() as stack:
        async with raw_stream(a, session) as stream:
            stream_id = await id_of_running(stream)
            second = await stack.enter_async_context(raw_follow(b, stream_id))
            await second.until(Metadata)
            run = three[0].parts.supervisor.local(stream_id)
            assert run is not None
            await until(lambda: run.readers == 2)
        await until(lambda: run.readers == 1)
        assert run.stop_request is None
    await until(lambda: three[0].parts.supervisor.local(stream_id) is None)
    assert (await message(b, session))["status"] == "cancelled"


async def test_a_stop_from_another_gateway_reaches_the_model(
    three: list[Gateway], clients: list[Client], scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    a, _, c = clients
    session = (await a.create_session())["id"]
    async with raw_stream(a, session) as stream:
        stream_id = await id_of_running(stream)
        await scripted.arrival()
        scripted.step(2)
        await stream.until(Chunk)
        began = asyncio.get_running_loop().time()
        assert (await c.stop(stream_id))["status"] == "cancelled"
        await until(lambda: scripted.requests[0].left_early)
        assert asyncio.get_running_loop().time() - began < 50  # goal: 1 s
        done = (await stream.rest())[-1]
    assert isinstance(done, Done)
    assert done.finish_reason == "cancelled"
    assert (await c.stop(stream_id))["status"] == "cancelled"


async def test_a_session_has_one_reply_at_a_time_wherever_it_is_asked_for(
    three: list[Gateway], clients: list[Client], scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    a, b, c = clients
    session = (await a.create_session())["id"]
    async with raw_stream(a, session, on_disconnect="continue") as stream:
        stream_id = await id_of_running(stream)
        async with raw_stream(b, session) as refused:
            assert refused.response.status == 409
            answer = await refused.response.json()
            assert (answer["code"], answer["stream_id"]) == ("session_busy", stream_id)
        scripted.step(len(PIECES))
        await stream.rest()
    answers = await asyncio.gather(*(start(client, session) for client in clients * 3))
    assert sorted(answers) == [200] + 8 * [409]
    assert len(await c.call("GET", f"/api/chatbot/sessions/{session}/messages")) == 4


async def start(client: Client, session: int) -> int:
    async with raw_stream(client, session, on_disconnect="continue") as stream:
        return stream.response.status


async def test_a_reply_that_nobody_reads_makes_way_for_a_send_elsewhere(
    three: list[Gateway], clients: list[Client], scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    a, b, _ = clients
    session = (await a.create_session())["id"]
    async with raw_stream(a, session) as stream:
        await id_of_running(stream)
        await scripted.arrival()
        scripted.step(1)
        await stream.until(Chunk)
    scripted.reply = Reply(PIECES)
    async with raw_stream(b, session, "again") as second:
        assert isinstance((await second.rest())[-1], Done)
    replies = [one for one in await b.call("GET", f"/api/chatbot/sessions/{session}/messages") if one["role"] == "assistant"]
    assert [(one["status"], one["content"]) for one in replies] == [("cancelled", "Once "), ("complete", WHOLE)]


async def test_a_repeated_request_gets_the_first_stream_from_any_gateway(
    three: list[Gateway], clients: list[Client], scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(PIECES, rate=40)
    session = (await clients[0].create_session())["id"]
    streams = await asyncio.gather(*(whole(client, session, client_request_id="one") for client in clients))
    assert [fold([event for _, event in events]).text for events in streams] == 3 * [WHOLE]
    assert len({events[0][1].stream_id for events in streams}) == 1  # type: ignore[union-attr]  # the first is the metadata
    assert len(scripted.requests) == 1


async def whole(client: Client, session: int, **options: Any) -> list[tuple[int, Event]]:
    async with raw_stream(client, session, **options) as stream:
        assert stream.response.status == 200, await stream.response.text()
        await stream.rest()
        return stream.events


async def test_a_deleted_session_ends_its_reply_wherever_it_runs(
    three: list[Gateway], clients: list[Client], scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    a, b, _ = clients
    session = (await a.create_session())["id"]
    async with raw_stream(a, session, on_disconnect="continue") as stream:
        await id_of_running(stream)
        await scripted.arrival()
        await b.call("DELETE", f"/api/chatbot/sessions/{session}")
        await until(lambda: scripted.requests[0].left_early)
        assert isinstance((await stream.rest())[-1], Done)
    assert not three[0].parts.supervisor.running()


@contextmanager
def frozen(gateway: Gateway) -> Iterator[None]:
    """Its heart does not beat: for the others it is dead, but it goes on."""
    beat = leases(gateway).beat

    async def nothing() -> None:
        raise TimeoutError

    leases(gateway).beat = nothing
    try:
        yield
    finally:
        leases(gateway).beat = beat


async def test_what_a_gateway_without_a_lease_had_goes_on_elsewhere_in_the_same_stream(
    three: list[Gateway], clients: list[Client], scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    a, b, c = clients
    session = (await a.create_session())["id"]
    async with raw_stream(a, session, on_disconnect="continue") as stream:
        stream_id = await id_of_running(stream)
        await scripted.arrival()
        scripted.step(3)
        while len(fold([event for _, event in stream.events]).text) < len("Once upon a"):
            assert await stream.read()
        run = three[0].parts.supervisor.local(stream_id)
        assert run is not None
        async with raw_follow(b, stream_id) as second:
            await second.until(Chunk)
            with frozen(three[0]):
                await until(lambda: run.is_lost)
                scripted.reply = Reply(PIECES)
                cut_off = await stream.rest()  # its connection ends, so that its reader asks elsewhere
                assert not isinstance(cut_off[-1], Done)
                events = await second.rest()
    assert isinstance(done := events[-1], Done)
    rebuilt = [at for at, event in enumerate(events) if isinstance(event, Metadata)]
    assert fold(events[rebuilt[-1] :]).text == done.full_content == WHOLE
    after = [numbered async for numbered in c.follow(stream_id, after=stream.events[-1][0])]
    assert fold([event for _, event in after]).text == WHOLE
    stored = await message(a, session)
    assert (stored["status"], stored["content"]) == ("complete", WHOLE)
    assert [one["reason"] for one in stored["metadata"]["healed"]] == ["gateway_lost"]
    assert len(await a.call("GET", f"/api/chatbot/sessions/{session}/messages")) == 2


async def test_an_ending_that_comes_after_the_lease_counts_for_nothing(
    three: list[Gateway], clients: list[Client], scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    a, _, _ = clients
    session = (await a.create_session())["id"]
    async with raw_stream(a, session, on_disconnect="continue") as stream:
        stream_id = await id_of_running(stream)
        await scripted.arrival()
        scripted.step(3)
        while len(fold([event for _, event in stream.events]).text) < len("Once upon a"):
            assert await stream.read()
        await until_saved(three[0], stream_id, "Once upon a")
        three[0].parts.supervisor.lose_all = lambda: None  # type: ignore[method-assign]  # as if it slept through all of it
        with frozen(three[0]):
            scripted.reply = Reply((*PIECES[:-1], "wood."))
            run = three[0].parts.supervisor.local(stream_id)
            assert run is not None
            await until(lambda: len(scripted.requests) == 2)
            scripted.step(len(PIECES))
            cut_off = await stream.rest()
    assert run.is_lost
    assert not any(isinstance(event, Done) for event in cut_off)
    await until(lambda: not any(gateway.parts.supervisor.running() for gateway in three))
    stored = await message(a, session)
    assert (stored["status"], stored["content"]) == ("complete", "Once upon a time, there was a wood.")


async def until_saved(gateway: Gateway, stream_id: str, text: str) -> None:
    store = RunStore(gateway.parts.database)
    async with asyncio.timeout(30):
        while text not in fold(list(await store.progress(stream_id))).text:
            await asyncio.sleep(0.01)


async def test_what_is_left_after_a_drain_is_given_away_with_all_its_text(
    three: list[Gateway], clients: list[Client], scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    a, b, _ = clients
    session = (await a.create_session())["id"]
    async with raw_stream(a, session, on_disconnect="continue") as stream, AsyncExitStack() as stack:
        stream_id = await id_of_running(stream)
        await scripted.arrival()
        scripted.step(4)
        while len(fold([event for _, event in stream.events]).text) < len("Once upon a time,"):
            assert await stream.read()
        second = await stack.enter_async_context(raw_follow(b, stream_id))
        await second.until(Chunk)
        scripted.reply = Reply(PIECES)
        await three[0].parts.supervisor.drain(0)
        assert not isinstance((await stream.rest())[-1], Done)
        async with raw_stream(a, session) as refused:
            assert refused.response.status == 503
            assert (refused.response.headers["Retry-After"], refused.response.headers["Connection"]) == ("0", "close")
        events = await second.rest()
    assert isinstance(done := events[-1], Done)
    assert done.full_content == WHOLE
    stored = await message(b, session)
    assert (stored["status"], stored["content"]) == ("complete", WHOLE)
    assert scripted.requests[1].body["messages"][-1]["content"] == "Once upon a time, "


async def test_the_last_gateway_takes_up_its_own_replies_again(
    tmp_path: Path, redis: RedisServer, scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    async with (
        running_gateways(1, tmp_path, redis, bounds=QUICK, llm_server_url=scripted.url) as (gateway,),
        gateway.client() as client,
    ):
        session = (await client.create_session())["id"]
        async with raw_stream(client, session, on_disconnect="continue") as stream:
            stream_id = await id_of_running(stream)
            await scripted.arrival()
            scripted.step(2)
            await stream.until(Chunk)
            scripted.reply = Reply(PIECES)
            with frozen(gateway):
                await stream.rest()
        events = [event async for _, event in client.follow(stream_id, after=stream.events[-1][0])]
    assert isinstance(done := events[-1], Done)
    assert done.full_content == WHOLE


async def test_a_program_finds_and_stops_its_reply_through_any_gateway(
    three: list[Gateway], clients: list[Client], scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    a, b, c = clients
    body = {"model": "", "messages": [{"role": "user", "content": "A tale"}], "stream": True}
    headers = {"x-lam-on-disconnect": "continue", "idempotency-key": "one"}
    async with a._http.post(f"{a.url}/v1/chat/completions", json=body, headers=headers) as first:
        await scripted.arrival()
        scripted.step(2)
        await first.content.readuntil(b"upon")
        stream_id = first.headers["x-lam-stream"]
        async with b._http.post(f"{b.url}/v1/chat/completions", json=body, headers=headers) as again:
            assert again.headers["x-lam-stream"] == stream_id
            await again.content.readuntil(b"upon")
            assert (await c.stop(stream_id))["status"] == "cancelled"
            await until(lambda: scripted.requests[0].left_early)
    assert len(scripted.requests) == 1
    assert not any(gateway.parts.programs._runs._open for gateway in three)
