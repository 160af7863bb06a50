"""Three gateways behind a real nginx that asks them in turn, as the guide shows it: any of them sends, reads, resumes and stops.

With LONG_TESTS set, two of them start anew ten times under 200 streams.
"""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from lam.client.client import Client
from lam.protocol.events import Chunk, Done, Metadata
from lam.testing.server import Reply, ScriptedServer

from ..forked import Forked
from ..ports import free_port
from ..redis_server import RedisServer
from ..running import Gateway, collect, raw_stream
from ..several import gateway_of_several, running_gateways
from ..waiting import until
from .test_nginx import nginx_with

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "guides" / "scaling.md").read_text()
(BLOCK,) = re.findall(r"```nginx\n(.*?)```", GUIDE, re.DOTALL)
WORDS = tuple(f"word{number} " for number in range(12))
IS_LONG = bool(os.environ.get("LONG_TESTS"))
PEOPLE, ROUNDS = (200, 5) if IS_LONG else (4, 1)

pytestmark = [pytest.mark.live, pytest.mark.postgresql, pytest.mark.timeout(900 if IS_LONG else 300)]


def before(gateways: list[Gateway]) -> str:
    """The guide's block with these gateways in its upstream."""
    servers = "\n".join(f"    server {one.url.removeprefix('http://')} max_fails=0;" for one in gateways)
    block, count = re.subn(r"    server 127\.0\.0\.1:3001.*\n    server 127\.0\.0\.1:3002.*", servers, BLOCK)
    assert count == 1
    return block


@pytest.fixture
async def gateways(scripted: ScriptedServer, redis: RedisServer, tmp_path: Path) -> AsyncIterator[list[Gateway]]:
    async with running_gateways(3, tmp_path, redis, llm_server_url=scripted.url) as running:
        yield running


@pytest.fixture
async def url(gateways: list[Gateway], program: Callable[[str], str], tmp_path: Path) -> AsyncIterator[str]:
    async with nginx_with(program("nginx"), before(gateways), tmp_path) as address:
        yield address


async def test_what_one_gateway_writes_is_read_and_resumed_through_all_of_them_with_the_same_bytes(
    url: str, gateways: list[Gateway], scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(WORDS, hold=True)
    async with Client(url, gateways[0].token) as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session, on_disconnect="continue") as sent:
            first = await sent.until(Metadata)
            assert isinstance(first, Metadata)
            scripted.step(4)
            while sum(isinstance(event, Chunk) for _, event in sent.events) < 4:
                assert await sent.read()
            readers = [asyncio.create_task(bytes_of(client, url, first.stream_id or "", after)) for after in (0, 0, 0, 2, 2, 2)]
            await until(lambda: has_readers(gateways, 4))
            scripted.step(len(WORDS) - 4)
            await sent.rest()
        read = await asyncio.gather(*readers)
        whole = dict(events_of(sent.bytes))
        for number, answer in enumerate(read):
            assert dict(events_of(answer)) == {at: piece for at, piece in whole.items() if at > (0 if number < 3 else 2)}
        done = sent.events[-1][1]
        assert isinstance(done, Done)
        assert done.full_content == "".join(WORDS)
        for gateway in gateways:  # after its end
            async with gateway.client(gateways[0].token) as one:
                again = await bytes_of(one, gateway.url, first.stream_id or "", 0)
            assert b"".join(piece for _, piece in events_of(again)).count(b'"type": "done"') == 1


async def test_a_stop_through_any_gateway_reaches_the_model_within_a_second(
    url: str, gateways: list[Gateway], scripted: ScriptedServer
) -> None:
    async with Client(url, gateways[0].token) as client:
        for number in range(3):
            scripted.reply = Reply(("word ",) * 2000, rate=50)
            session = (await client.create_session())["id"]
            async with raw_stream(client, session, on_disconnect="continue") as stream:
                first = await stream.until(Metadata)
                assert isinstance(first, Metadata)
                await stream.until(Chunk)
                async with gateways[number].client(gateways[0].token) as elsewhere:
                    async with asyncio.timeout(50):  # goal: 1 s
                        await elsewhere.stop(first.stream_id or "")
                        await until(lambda at=number: scripted.requests[at].left_early)
                end = (await stream.rest())[-1]
            assert isinstance(end, Done)
            assert end.finish_reason == "cancelled"


async def test_a_deploy_of_one_gateway_after_the_other_loses_no_reply_and_fails_no_request(
    redis: RedisServer, scripted: ScriptedServer, program: Callable[[str], str], tmp_path: Path
) -> None:
    """Each gateway gets SIGTERM while replies run and further messages come, and starts anew once it has ended."""
    scripted.reply, scripted.slots = Reply(WORDS, rate=2 if IS_LONG else 8), PEOPLE
    ports, settings = (free_port(), free_port()), {"llm_server_url": scripted.url, "llm_slots": PEOPLE, "lam_drain_seconds": 0.5}
    done, deploys_over = list[str](), asyncio.Event()

    async def talk(client: Client, number: int) -> None:
        session = (await client.create_session())["id"]
        turns = 0
        while not deploys_over.is_set() or not turns:
            turns += 1
            content = f"{number} {turns}"
            events = await collect(client, session, content, on_disconnect="continue", client_request_id=f"deploy {content}")
            assert isinstance(events[-1], Done), events[-1]
            done.append(events[-1].full_content)
            stored = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
            assert [one["content"] for one in stored if one["role"] == "user"] == [f"{number} {n + 1}" for n in range(turns)]
            assert {one["content"] for one in stored if one["role"] == "assistant"} == {"".join(WORDS)}

    async with contextlib.AsyncExitStack() as stack:

        async def start(name: str, port: int) -> tuple[contextlib.AsyncExitStack, Forked, Gateway]:
            of_one = await stack.enter_async_context(contextlib.AsyncExitStack())
            running = gateway_of_several(tmp_path, redis, name, lam_port=port, **settings)
            process, gateway = await of_one.enter_async_context(running)
            return of_one, process, gateway

        running = {port: (name, *await start(name, port)) for name, port in zip("ab", ports, strict=True)}
        gateways = [gateway for *_, gateway in running.values()]
        url = await stack.enter_async_context(nginx_with(program("nginx"), before(gateways), tmp_path))
        client = await stack.enter_async_context(Client(url, gateways[0].token))
        async with asyncio.TaskGroup() as people:
            for number in range(PEOPLE):
                people.create_task(talk(client, number))
            for port in ports * ROUNDS:
                name, of_one, process, _ = running[port]
                before_it = len(done)
                await until(lambda least=before_it + PEOPLE // 2: len(done) >= least)
                process.send_signal(signal.SIGTERM)
                assert await process.wait() == 0
                await of_one.aclose()
                running[port] = (name, *await start(name, port))
            deploys_over.set()
    assert set(done) == {"".join(WORDS)}


async def bytes_of(client: Client, url: str, stream_id: str, after: int) -> bytes:
    """What a reader gets, across connections that end before the last event."""
    got, last = b"", after
    while True:
        async with client._http.get(f"{url}/api/chatbot/streams/{stream_id}?after={last}") as response:
            assert response.status in (200, 204)
            try:
                got += await response.read()
            except aiohttp.ClientError:
                pass
        last = max((number for number, _ in events_of(got)), default=after)
        if b'"type": "done"' in got:
            return got


def events_of(answer: bytes) -> list[tuple[int, bytes]]:
    """The events of a stream, each with its number, without comments."""
    return [(int(one[1]), one[0]) for one in re.finditer(rb"id: (\d+)\ndata: .*\n\n", answer)]


def has_readers(gateways: list[Gateway], most: int) -> bool:
    """Whether so many streams are read, over all of them."""
    return sum(one.parts.open_streams.count for one in gateways) >= most
