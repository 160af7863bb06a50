"""The real llama.cpp server with the demo model. All of these together ask it for fewer than 1 500 tokens."""

import asyncio
import json
import os
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lam.llama.model import NAME, demo_model
from lam.llama.process import llama_server
from lam.protocol.events import Chunk, Done, Error, Metadata, Progress
from lam.protocol.snapshot import Snapshot
from lam.protocol.sse import Decoder

from ..brokers import Mosquitto
from ..running import collect, raw_stream, running_gateway
from ..tunnel import engine_of, mqtt_gateway, text, until_ready, worker_process

pytestmark = pytest.mark.live


class ByteTee:
    """A TCP relay in front of the model server that keeps what the server sends, connection by connection."""

    def __init__(self, url: str) -> None:
        self._host, port = url.removeprefix("http://").split(":")
        self._port = int(port)
        self.sent: list[bytearray] = []

    async def __aenter__(self) -> "ByteTee":
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, out = await asyncio.open_connection(self._host, self._port)
        kept = bytearray()
        self.sent.append(kept)

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter, keep: bytearray | None) -> None:
            while data := await source.read(65536):
                if keep is not None:
                    keep.extend(data)
                target.write(data)
                await target.drain()

        tasks = [asyncio.create_task(copy(reader, out, None)), asyncio.create_task(copy(upstream, writer, kept))]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        out.close()
        writer.close()

    def replies(self) -> list[str]:
        """The text of every chat reply that went through, decoded without our engine."""
        found = []
        for wire in self.sent:
            for answer in _http_bodies(bytes(wire)):
                datas = [event.data for event in Decoder().feed(answer)]
                parts = [json.loads(data) for data in datas if data != b"[DONE]"]
                texts = [choice["delta"].get("content") or "" for part in parts for choice in part["choices"]]
                found.append("".join(texts))
        return found


def _http_bodies(wire: bytes) -> list[bytes]:
    """The bodies of the chunked event streams in the bytes of one connection."""
    bodies = []
    while wire:
        head, _, wire = wire.partition(b"\r\n\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])}
        if b"content-length" in headers:
            wire = wire[int(headers[b"content-length"]) :]
            continue
        body = b""
        while wire:  # the engine may hang up after [DONE], before the empty chunk
            size, _, wire = wire.partition(b"\r\n")
            body, wire = body + wire[: int(size, 16)], wire[int(size, 16) + 2 :]
            if int(size, 16) == 0:
                break
        bodies.append(body)
    return bodies


@pytest.mark.timeout(600)
async def test_ten_replies_arrive_as_the_model_sent_them(llama_url: str, tmp_path: Path) -> None:
    prompts = ["Tell me a short story", "List three colours", "Écris une phrase", "用中文打招呼", "Write a haiku"] * 2
    async with ByteTee(llama_url) as tee, running_gateway(tmp_path / "data", llm_server_url=tee.url) as gateway:
        async with gateway.client() as client:
            texts = []
            for prompt in prompts:
                session = (await client.create_session(temperature=0))["id"]
                snapshot = Snapshot()
                for event in await collect(client, session, prompt, max_tokens=40):
                    snapshot.add(event)
                assert isinstance(snapshot.terminal, Done)
                (_, stored) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
                assert snapshot.text == snapshot.terminal.full_content == stored["content"] != ""
                assert stored["usage"]["completion_tokens"] <= 40
                texts.append(snapshot.text)
    assert sorted(text for text in tee.replies() if text) == sorted(texts)  # they came over several connections


async def test_tokens_are_shown_as_they_are_produced(llama_url: str, tmp_path: Path) -> None:
    async with running_gateway(tmp_path / "data", llm_server_url=llama_url) as gateway, gateway.client() as client:
        session = (await client.create_session(temperature=0))["id"]  # the demo model may say next to nothing when it draws
        async with raw_stream(client, session, "Tell me a short story", max_tokens=12) as stream:
            await stream.until(Chunk)
            assert not any(isinstance(event, Done) for _, event in stream.events)
            events = await stream.rest()
    metadata, done = events[0], events[-1]
    assert isinstance(metadata, Metadata)
    assert isinstance(done, Done)
    assert metadata.mode == "sse"
    assert done.model == NAME
    assert any(isinstance(event, Progress) and event.stage == "prompt" for event in events)
    assert done.usage is not None
    assert done.timings is not None
    assert done.timings.tokens_per_second
    assert len([event for event in events if isinstance(event, Chunk)]) >= 5


async def slots(url: str) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as http, http.get(url + "/slots") as response:
        found: list[dict[str, Any]] = await response.json()
        return found


async def until_idle(url: str) -> None:
    while any(slot["is_processing"] for slot in await slots(url)):
        await asyncio.sleep(0.02)


async def test_a_stop_while_text_is_produced_leaves_the_slot_idle(llama_url: str, tmp_path: Path) -> None:
    async with running_gateway(tmp_path / "data", llm_server_url=llama_url) as gateway, gateway.client() as client:
        async with raw_stream(
            client, (await client.create_session(temperature=0))["id"], "Tell me a very long story", max_tokens=1500
        ) as stream:
            await stream.until(Chunk)
            assert any(slot["is_processing"] for slot in await slots(llama_url))
            first = stream.events[0][1]
            assert isinstance(first, Metadata)
            await client.stop(first.stream_id or "")
            await asyncio.wait_for(until_idle(llama_url), 20)  # goal: 2 s
            done = (await stream.rest())[-1]
    assert isinstance(done, Done)
    assert done.finish_reason == "cancelled"
    assert done.full_content


async def test_a_stopped_reply_is_continued_where_it_ended(llama_url: str, tmp_path: Path) -> None:
    async with running_gateway(tmp_path / "data", llm_server_url=llama_url) as gateway, gateway.client() as client:
        session = (await client.create_session(temperature=0))["id"]
        path = f"/api/chatbot/sessions/{session}/messages"
        await collect(client, session, "Count from one to twenty in words.", max_tokens=24)
        async with raw_stream(client, session, None, regenerate=True, max_tokens=24) as stream:
            first = stream.events[0][1] if stream.events else await stream.until(Metadata)
            assert isinstance(first, Metadata)
            while sum(isinstance(event, Chunk) for _, event in stream.events) < 6:
                assert await stream.read()
            await client.stop(first.stream_id or "")
            await stream.rest()
        stopped = (await client.call("GET", path))[-1]
        events = await collect(client, session, None, **{"continue": True}, max_tokens=16)
        end = events[-1]
        assert isinstance(end, Done)
        assert end.usage is not None
        assert stopped["content"]
        assert events[1] == Chunk(stopped["content"])
        stored = (await client.call("GET", path))[-1]
        assert stored["content"] == end.full_content
        assert end.full_content.startswith(stopped["content"])
        assert 0 < end.usage.completion_tokens <= 16
        assert len(stored["siblings"]) == 2


@pytest.mark.timeout(600)
async def test_a_stop_while_a_long_prompt_is_read_frees_the_slot_within_a_few_batches(llama_url: str, tmp_path: Path) -> None:
    """Within six of the intervals between the server's own progress reports in this run."""
    prompt = " ".join(f"item {number}" for number in range(750))
    async with running_gateway(tmp_path / "data", llm_server_url=llama_url) as gateway, gateway.client() as client:
        async with raw_stream(client, (await client.create_session())["id"], prompt, max_tokens=1) as stream:
            clock = asyncio.get_running_loop().time
            reports: list[float] = []
            total = 0
            while len(reports) < 5:
                before = len(stream.events)
                assert await stream.read()
                for _, event in stream.events[before:]:
                    if isinstance(event, Progress) and event.stage == "prompt" and isinstance(event.total, int):
                        reports.append(clock())
                        total = event.total
            assert 2500 < total < 4096
            interval = max(b - a for a, b in pairwise(reports[1:]))
            first = stream.events[0][1]
            assert isinstance(first, Metadata)
            asked = clock()
            await client.stop(first.stream_id or "")
            await until_idle(llama_url)
            taken = clock() - asked
            assert taken < max(6 * interval, 2), f"{taken:.2f} s; a batch took {interval:.2f} s"
            done = (await stream.rest())[-1]
    assert isinstance(done, Done)
    assert (done.finish_reason, done.full_content) == ("cancelled", "")


async def test_a_message_beyond_the_context_is_refused_with_both_numbers(llama_url: str, tmp_path: Path) -> None:
    async with running_gateway(tmp_path / "data", llm_server_url=llama_url) as gateway, gateway.client() as client:
        events = await collect(client, (await client.create_session())["id"], "word " * 5000)
    error = events[-1]
    assert isinstance(error, Error)
    assert error.code == "context_exceeded"
    assert "4095" in error.message
    assert "50" in error.message


@pytest.mark.timeout(300)
async def test_a_model_server_that_is_killed_in_mid_reply_leaves_an_interrupted_reply(tmp_path: Path) -> None:
    async with llama_server(demo_model(), name=NAME, log=tmp_path / "llama.log", slots=1, ctx=1024) as server:
        settings = {"llm_server_url": server.url, "lam_healing": False}
        async with running_gateway(tmp_path / "data", **settings) as gateway, gateway.client() as client:
            session = (await client.create_session(temperature=0))["id"]
            async with raw_stream(client, session, "Tell me a very long story", max_tokens=500) as stream:
                await stream.until(Chunk)

                os.kill(server.pid, signal.SIGKILL)
                error = (await stream.rest())[-1]
            assert isinstance(error, Error)
            assert (error.code, error.retryable) == ("interrupted", True)
            (_, stored) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
    assert stored["status"] == "interrupted"
    assert stored["content"] == "".join(event.content for _, event in stream.events if isinstance(event, Chunk))


async def test_a_conversation_keeps_its_prompt_cache_from_turn_to_turn(llama_url: str, tmp_path: Path) -> None:
    async with running_gateway(tmp_path / "data", llm_server_url=llama_url) as gateway, gateway.client() as client:
        session = (await client.create_session(system_prompt="You are a friendly guide. " * 10))["id"]
        for prompt in ("Where am I?", "And now?"):
            done = (await collect(client, session, prompt, max_tokens=8))[-1]
    assert isinstance(done, Done)
    assert done.usage is not None
    assert done.usage.cached_tokens is not None
    assert done.usage.cached_tokens > 50


@pytest.mark.sqlite
@pytest.mark.timeout(300)
async def test_a_stop_reaches_the_model_through_the_broker_in_every_stage(
    llama_url: str, broker: Mosquitto, tmp_path: Path
) -> None:
    """Two workers beside one server with two slots, one place each. In the prompt, in the text, and in the queue."""
    async with (
        mqtt_gateway(tmp_path / "data", broker) as gateway,
        gateway.client() as client,
        worker_process(llama_url, broker, "one", "--slots", "1"),
        worker_process(llama_url, broker, "two", "--slots", "1"),
    ):
        await until_ready(gateway, 2)
        sessions = [(await client.create_session(temperature=0))["id"] for _ in range(3)]
        prompt = " ".join(f"item {number}" for number in range(700))
        async with (
            raw_stream(client, sessions[1], "Tell me a very long story", max_tokens=800) as telling,
            raw_stream(client, sessions[0], prompt, max_tokens=1) as reading,
        ):
            await telling.until(Chunk)
            while not any(isinstance(event, Progress) and event.processed for _, event in reading.events):
                assert await reading.read()
            while sum(slot["is_processing"] for slot in await slots(llama_url)) < 2:
                await asyncio.sleep(0.02)
            async with raw_stream(client, sessions[2], "Hello", max_tokens=4) as queued:
                while not any(isinstance(event, Progress) and event.stage == "queued" for _, event in queued.events):
                    assert await queued.read()
                ends = []
                for stream in (queued, reading, telling):
                    first = stream.events[0][1]
                    assert isinstance(first, Metadata)
                    assert first.mode == "mqtt"
                    await client.stop(first.stream_id or "")
                    ends.append((await stream.rest())[-1])
                await asyncio.wait_for(until_idle(llama_url), 20)
        assert [end.finish_reason for end in ends if isinstance(end, Done)] == ["cancelled"] * 3
        assert isinstance(ends[2], Done)
        assert ends[2].full_content == text([event for _, event in telling.events])
        assert isinstance((await collect(client, sessions[2], "Say hi", max_tokens=4))[-1], Done)
        while sum(worker.running for worker in engine_of(gateway).workers()):
            await asyncio.sleep(0.01)
