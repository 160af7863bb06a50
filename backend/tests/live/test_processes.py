"""Gateways as processes: killed, told to stop, started twice; and a database that goes away."""

import asyncio
import contextlib
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from lam.client.client import Client
from lam.errors import SessionBusy, ShuttingDown, StorageUnavailable
from lam.gateway import Bounds
from lam.generation.pump import Limits
from lam.protocol.events import Chunk, Done, Error, Metadata
from lam.testing.server import Reply, ScriptedServer

from .. import databases
from ..checkpoints import until_stored
from ..running import collect, gateway_process, raw_stream, running_gateway, serve_with
from ..waiting import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


async def stored_reply(client: Client, session: int) -> dict[str, Any]:
    message: dict[str, Any] = (await client.call("GET", f"/api/chatbot/sessions/{session}/messages"))[-1]
    return message


async def until_refused(client: Client, session: int) -> None:
    """Sends to a session that has a running reply, until the gateway has heard its signal."""

    async def refused() -> bool:
        try:
            await client.call("POST", "/api/chatbot/messages", {"session_id": session, "content": "late"})
        except SessionBusy:
            return False
        except ShuttingDown:
            return True
        raise AssertionError("the session was not busy")

    await until(refused)


async def test_a_gateway_killed_in_mid_reply_loses_at_most_the_last_second(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(tuple(f"{number} " for number in range(10_000)), rate=50, thinking=("hm",))
    data = tmp_path / "data"
    shown: list[tuple[float, str]] = []
    async with gateway_process(data, llm_server_url=scripted.url) as (process, gateway), gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            with contextlib.suppress(Exception):
                began = time.monotonic()
                while await stream.read():
                    text = "".join(event.content for _, event in stream.events if isinstance(event, Chunk))
                    if shown and time.monotonic() - shown[-1][0] > 0.3:
                        began = time.monotonic()  # somebody paused, and what was due to be stored may be late
                    shown.append((time.monotonic(), text))
                    if time.monotonic() - began > 3.5:
                        process.send_signal(signal.SIGKILL)
                        await process.wait()
        killed = shown[-1][0]
    async with gateway_process(data, llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        message = await stored_reply(client, session)
        rebuilt = [event async for _, event in client.follow(message["stream_id"], 5)]
        assert (await client.call("GET", f"/api/chatbot/sessions/{session}"))["running"] is False
        scripted.reply = Reply()
        assert isinstance((await collect(client, session, "again"))[-1], Done)
    assert message["status"] == "interrupted"
    assert message["thinking"] == "hm"
    whole = shown[-1][1]
    assert whole.startswith(message["content"])
    before = [text for moment, text in shown if moment <= killed - 2][-1]  # a second, and with the machine busy two
    assert len(message["content"]) >= len(before)
    assert isinstance(rebuilt[0], Metadata)
    assert rebuilt[0].rebuilt is True
    assert "".join(event.content for event in rebuilt if isinstance(event, Chunk)) == message["content"]
    assert isinstance(rebuilt[-1], Error)
    assert rebuilt[-1].code == "interrupted"


async def test_sigterm_with_fifty_live_streams_saves_every_reply_and_exits_in_time(
    scripted: ScriptedServer, tmp_path: Path
) -> None:
    """Half of the replies end while the gateway drains, the others are interrupted."""
    scripted.slots = 50

    def plan(body: dict[str, Any]) -> Reply:
        short = body["messages"][-1]["content"] == "short"
        return Reply(("word ",) * 4, hold=True) if short else Reply(("word ",) * 100_000, rate=20)

    scripted.reply = plan
    data, drain = tmp_path / "data", 10
    async with gateway_process(data, llm_server_url=scripted.url, lam_drain_seconds=drain) as (process, gateway):
        async with gateway.client() as client:
            sessions = [(await client.create_session())["id"] for _ in range(50)]
            prompts = ["short" if number % 2 else "long" for number in range(50)]
            tasks = [asyncio.create_task(collect(client, *pair)) for pair in zip(sessions, prompts, strict=True)]
            await scripted.arrival(50)
            asked = time.monotonic()
            process.send_signal(signal.SIGTERM)
            await until_refused(client, sessions[0])
            scripted.step(25 * 4)
            replies = await asyncio.gather(*tasks)
            assert await process.wait() == 0
            assert time.monotonic() - asked < drain + 45  # goal: 5 s
    ends = {session: events[-1] for session, events in zip(sessions, replies, strict=True)}
    async with gateway_process(data, llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        for session, prompt in zip(sessions, prompts, strict=True):
            end, message = ends[session], await stored_reply(client, session)
            if prompt == "short":
                assert isinstance(end, Done)
                assert (message["status"], message["content"]) == ("complete", "word " * 4)
            else:
                assert isinstance(end, Error)
                assert (end.code, message["status"]) == ("interrupted", "interrupted")
                assert message["content"].startswith("word ")


async def test_a_second_signal_exits_at_once(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("word ",) * 10_000, rate=20)
    async with gateway_process(tmp_path / "data", llm_server_url=scripted.url, lam_drain_seconds=60) as (process, gateway):
        async with gateway.client() as client:
            session = (await client.create_session())["id"]
            async with raw_stream(client, session) as stream:
                await stream.until(Chunk)
                process.send_signal(signal.SIGINT)
                await until_refused(client, session)
                assert process.returncode is None
                process.send_signal(signal.SIGINT)
                assert await asyncio.wait_for(process.wait(), 60) == 1


async def test_a_second_gateway_on_the_same_database_stops_with_a_sentence(scripted: ScriptedServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with gateway_process(data, llm_server_url=scripted.url):
        with pytest.raises(AssertionError, match="Another gateway is using this database"):
            async with gateway_process(data, program=serve_with("Bounds(lock_wait=0.5)"), llm_server_url=scripted.url):
                pass


async def test_a_locked_database_in_mid_reply_does_not_stop_the_stream(scripted: ScriptedServer, tmp_path: Path) -> None:
    """Locked for longer than the ending may wait: the stream says so, and the text is saved afterwards."""
    scripted.reply = Reply(("word ",) * 60, rate=20)
    data, bounds = tmp_path / "data", Bounds(pump=Limits(commit=3))
    async with running_gateway(data, bounds=bounds, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await stream.until(Chunk)
            with databases.locked(data):
                before = len(stream.events)
                error = (await stream.rest())[-1]
                assert len(stream.events) > before + 20
                assert isinstance(error, Error)
                assert (error.code, error.retryable) == ("storage_unavailable", True)
                assert (await stored_reply(client, session))["status"] == "streaming"
                with pytest.raises(Exception, match="database"):
                    await client.create_session()
        while (message := await stored_reply(client, session))["status"] == "streaming":
            await asyncio.sleep(0.05)
    assert (message["status"], message["content"]) == ("failed", "word " * 60)


async def test_a_full_database_refuses_requests_and_a_running_reply_is_saved_when_there_is_room(
    scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply = Reply(("word " * 1000,) * 60, rate=30)
    data = tmp_path / "data"
    async with (
        running_gateway(data, llm_server_url=scripted.url, database_pool_size=1) as gateway,
        gateway.client() as client,
    ):
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await stream.until(Chunk)
            async with databases.full(data, gateway.parts.database):
                with pytest.raises(StorageUnavailable):
                    await client.create_session(system_prompt="x" * 50_000)
                while sum(isinstance(event, Chunk) for _, event in stream.events) < 60:
                    assert await stream.read()
                await asyncio.sleep(1)  # Time itself: the ending is tried to no avail for a while
            done = (await stream.rest())[-1]
        assert isinstance(done, Done)
        message = await stored_reply(client, session)
    assert (message["status"], message["content"]) == ("complete", "word " * 60_000)


async def test_fifty_streams_leave_a_pool_of_one_connection_to_others(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.slots = 50
    scripted.reply = Reply(("a", "b"), hold=True)
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, database_pool_size=1) as gateway,
        gateway.client() as client,
    ):
        sessions = [(await client.create_session())["id"] for _ in range(50)]
        tasks = [asyncio.create_task(collect(client, session)) for session in sessions]
        await scripted.arrival(50)
        assert (await client.call("GET", "/api/health"))["engine"]["running"] == 50
        assert len(await client.call("GET", "/api/chatbot/sessions")) == 50
        assert (await client.create_session())["id"] == 51
        scripted.step(100)
        assert all(isinstance(events[-1], Done) for events in await asyncio.gather(*tasks))


async def test_an_ending_that_cannot_be_saved_before_the_exit_is_recovered(scripted: ScriptedServer, tmp_path: Path) -> None:
    """The gateway goes while its database is locked: it does not hang, and the next start finds the checkpoints."""
    scripted.reply = Reply(("word ",) * 10_000, rate=50)
    data = tmp_path / "data"
    async with (
        gateway_process(data, llm_server_url=scripted.url, lam_drain_seconds=0) as (process, gateway),
        gateway.client() as client,
    ):
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            metadata = await stream.until(Metadata)
            assert isinstance(metadata, Metadata)
            await until_stored(data, metadata.stream_id or "", lambda stored: stored.text.startswith("word word "))
            with databases.locked(data):
                asked = time.monotonic()
                process.send_signal(signal.SIGTERM)
                await asyncio.wait_for(process.wait(), 50)
                assert time.monotonic() - asked < 50  # goal: 5 s
    async with gateway_process(data, llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        message = await stored_reply(client, session)
    assert message["status"] == "interrupted"
    assert message["content"].startswith("word word ")
