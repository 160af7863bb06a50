"""Sending and reading: the transcript, exactness, readers."""

import asyncio
import json
import random
import tracemalloc
import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import aiohttp
import msgspec
import pytest

from lam.api.connections import Patience
from lam.gateway import Bounds
from lam.protocol.events import Chunk, Done, Error, Event, Metadata, Progress, Thinking
from lam.protocol.snapshot import Snapshot
from lam.protocol.sse import Decoder, decode
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, collect, gateway_process, raw_stream, running_gateway

HARD_TEXTS = (
    "漢字かな交じり文、한국어",
    "👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301 🇨🇭",
    "שלום עולם \u202eמימין",
    "```python\nprint('a\\tb')\r\n```\r",
    "line\u2028paragraph\u2029next\x85vt\x0bff\x0c",
    'data: {"not": "an event"}\n\nid: 7\n\n',
    "see <think> in the middle </think>",
    " leading and trailing ",
    "\n",
)


async def test_a_reply_is_metadata_progress_chunks_and_done(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(progress=2, thinking=("hm",))
    async with gateway.client() as client:
        session = await client.create_session()
        async with raw_stream(client, session["id"]) as stream:
            events = await stream.rest()
            headers = stream.response.headers
    assert headers["Content-Type"] == "text/event-stream"
    assert headers["Cache-Control"] == "no-cache, no-transform"
    assert headers["X-Accel-Buffering"] == "no"
    kinds = [type(event) for event in events]
    assert kinds == [Metadata, Progress, Progress, Progress, Thinking, *[Chunk] * 4, Done]
    assert [number for number, _ in stream.events] == list(range(1, len(events) + 1))
    first, last = events[0], events[-1]
    assert isinstance(first, Metadata)
    assert isinstance(last, Done)
    assert (first.session_id, first.session_key, first.mode, first.model) == (
        session["id"],
        session["session_key"],
        gateway.parts.settings.llm_comm_mode,
        "scripted",
    )
    assert (last.full_content, last.finish_reason, last.model) == ("Once upon a time", "stop", "scripted")
    assert last.assistant_message_id == first.assistant_message_id
    assert last.usage is not None
    assert (last.usage.completion_tokens, last.usage.cached_tokens) == (5, 3)


async def test_the_model_is_told_what_was_asked(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = await client.create_session(temperature=0.5, system_prompt="Be kind")
        await collect(client, session["id"], "One", temperature=0, max_tokens=7)
        await collect(client, session["id"], "Two", system_prompt="Be brief", top_p=0.5)
        await collect(client, session["id"], "Three", system_prompt="")
    bodies = [request.body for request in scripted.requests]
    assert bodies[0]["messages"] == [{"role": "system", "content": "Be kind"}, {"role": "user", "content": "One"}]
    assert (bodies[0]["temperature"], bodies[0]["top_p"], bodies[0]["max_tokens"]) == (0, 0.9, 7)
    assert [turn["role"] for turn in bodies[1]["messages"]] == ["system", "user", "assistant", "user"]
    assert bodies[1]["messages"][0]["content"] == "Be brief"
    assert (bodies[1]["temperature"], bodies[1]["top_p"]) == (0.5, 0.5)
    assert bodies[2]["messages"][0] == {"role": "user", "content": "One"}
    assert all(body["stream"] and body["return_progress"] for body in bodies)
    assert not any("x-conversation-id" in request.headers for request in scripted.requests)


@pytest.mark.parametrize("models", [True, False])
async def test_a_server_that_is_not_llama_gets_no_llama_fields(models: bool, scripted: ScriptedServer, tmp_path: Path) -> None:
    """Also one that knows nothing but chat completions."""
    scripted.llama, scripted.lists_models = False, models
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
        assert (await client.call("GET", "/api/health"))["ready"]
        assert isinstance((await collect(client, (await client.create_session())["id"]))[-1], Done)
    assert not {"return_progress", "sse_ping_interval", "chat_template_kwargs"} & set(scripted.requests[-1].body)


def _random_reply(chooser: random.Random) -> Reply:
    pieces = tuple(chooser.choice(HARD_TEXTS) for _ in range(chooser.randint(1, 12)))
    torn = "".join(pieces)
    edges = sorted({0, len(torn), *(chooser.randint(0, len(torn)) for _ in range(12))})
    pieces = tuple(torn[a:b] for a, b in pairwise(edges))
    line_end = chooser.choice(["\n", "\r\n", "\r"])
    return Reply(pieces, line_end=line_end, slice=chooser.choice([0, 0, 1, 3, 50]), ping_every=chooser.choice([0, 1, 3]))


@pytest.mark.timeout(300)
@pytest.mark.sqlite  # about the bytes
async def test_500_replies_arrive_as_they_were_sent_however_they_are_cut(gateway: Gateway, scripted: ScriptedServer) -> None:
    """The model's bytes are cut at random places; one reply in five is cut on our side too, in its middle, and resumed. Each reply
    is decoded a second time from 1-byte pieces."""
    chooser = random.Random(2026)
    resumed = 0
    async with gateway.client() as client:
        for number in range(500):
            reply = _random_reply(chooser)
            sent = "".join(reply.pieces)
            session = (await client.create_session())["id"]
            if number % 5 == 0:
                scripted.reply = msgspec.structs.replace(reply, hold=True)
                snapshot, wire = await _cut_and_resumed(gateway, scripted, session, len(reply.pieces), chooser)
                resumed += 1
            else:
                scripted.reply = reply
                async with raw_stream(client, session) as stream:
                    snapshot = folded(await stream.rest())
                wire = stream.bytes
            (_, stored) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
            assert isinstance(snapshot.terminal, Done)
            assert snapshot.text == snapshot.terminal.full_content == stored["content"] == sent
            assert stored["status"] == "complete"
            assert _chunks_byte_by_byte(wire) == sent
    assert resumed == 100


async def _cut_and_resumed(
    gateway: Gateway, scripted: ScriptedServer, session: int, pieces: int, chooser: random.Random
) -> tuple[Snapshot, bytes]:
    """Cuts the connection after some of the pieces, lets the model go on, and resumes: the fold and the bytes of both parts."""
    async with gateway.client() as client:
        before = chooser.randint(0, pieces)
        async with raw_stream(client, session, on_disconnect="continue") as stream:
            scripted.step(before)
            while sum(isinstance(event, Chunk) for _, event in stream.events) < before - 1:
                assert await stream.read()
            first = await stream.until(Metadata)
        scripted.step(pieces - before)
        assert isinstance(first, Metadata)
        number = stream.events[-1][0]
        whole = stream.bytes[: stream.bytes.rindex(b"\n\n") + 2]  # what was cut off in the middle of an event comes again
        async with client._http.get(f"{gateway.url}/api/chatbot/streams/{first.stream_id}?after={number}") as response:
            assert response.status == 200
            rest = await response.read()
    assert rest.startswith(f"id: {number + 1}\n".encode())
    events = [decode(event.data) for event in Decoder(limit=1 << 24).feed(whole + rest)]
    return folded(events), whole + rest


def folded(events: Sequence[Event | None]) -> Snapshot:
    snapshot = Snapshot()
    for event in events:
        assert event is not None
        snapshot.add(event)
    return snapshot


def _chunks_byte_by_byte(wire: bytes) -> str:
    """What a client that understands only `data: ` lines and chunks has, reading one byte at a time."""
    text, line = "", b""
    for place in range(len(wire)):
        line += wire[place : place + 1]
        if line.endswith(b"\n"):
            if line.startswith(b"data: "):
                event = json.loads(line[6:])
                text += event["content"] if event["type"] == "chunk" else ""
            line = b""
    return text


async def test_readers_see_the_same_bytes_while_one_of_them_has_stopped_reading(gateway: Gateway, scripted: ScriptedServer) -> None:
    """Ten readers, one stalled: nine end while it has not read its first kilobyte, and memory stays below twice the log."""
    scripted.reply = Reply(tuple("x" * 2000 for _ in range(3000)), hold=True)
    async with gateway.client() as client:
        session = await client.create_session()
        async with raw_stream(client, session["id"]) as sender:
            first = await sender.until(Metadata)
            assert isinstance(first, Metadata)
            path = f"/api/chatbot/streams/{first.stream_id}"
            stalled_reader, stalled_writer = await asyncio.open_connection(
                "127.0.0.1", int(gateway.url.rsplit(":", 1)[1]), limit=512
            )
            stalled_writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.token}\r\n\r\n".encode())
            await stalled_writer.drain()
            await stalled_reader.readuntil(b"\r\n")
            async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {gateway.token}"}) as http:
                responses = [await http.get(gateway.url + path) for _ in range(8)]
                tracemalloc.start()
                scripted.step(3000)
                digesting = asyncio.gather(*(_digest(response) for response in responses))
                events = await sender.rest()
                digests = await digesting
                _, peak = tracemalloc.get_traced_memory()
                tracemalloc.stop()
    assert len(set(digests)) == 1
    assert isinstance(events[-1], Done)
    run_log = gateway.parts.streams._shelf.get(first.stream_id or "")
    assert run_log is not None
    log_bytes = sum(len(record.frame) + len(event_text(record.event)) for record in run_log._records)
    ours = len(sender.bytes) + sum(len(event_text(event)) for event in events)  # what this test keeps itself
    assert peak - ours < 2 * log_bytes, f"{peak - ours} bytes for a log of {log_bytes}"
    stalled_writer.transport.abort()


async def test_the_head_is_written_with_the_first_event_and_the_last_event_with_the_end(
    gateway: Gateway, scripted: ScriptedServer
) -> None:
    """Each write wakes the reader, and costs both sides about as much as a token."""
    scripted.reply = Reply(("a", "b"), hold=True)
    async with gateway.client() as client:
        session = await client.create_session()
    body = json.dumps({"session_id": session["id"], "content": "hi"}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]))
    head = f"POST /api/chatbot/messages/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.token}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    first = await reader.read(65536)
    assert first.startswith(b"HTTP/1.1 200")
    assert b'"type": "metadata"' in first
    scripted.step(2)
    pieces = [first]
    while b'"type": "done"' not in pieces[-1]:
        pieces.append(await reader.read(65536))
    assert pieces[-1].endswith(b"\r\n0\r\n\r\n")
    writer.close()


def event_text(event: object) -> str:
    return getattr(event, "content", "") or getattr(event, "full_content", "")


async def _digest(response: aiohttp.ClientResponse) -> int:
    """A fingerprint of the body; read piece by piece, so that the test itself keeps nothing."""
    fingerprint = 0
    async for piece in response.content.iter_any():
        fingerprint = zlib.crc32(piece, fingerprint)
    return fingerprint


@pytest.mark.timeout(300)
async def test_two_hundred_streams_at_once_lose_double_and_reorder_nothing(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.slots = 200
    pieces = tuple(f"{i} " for i in range(40))
    scripted.reply = Reply(pieces, rate=20)
    async with gateway_process(tmp_path / "data", llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        sessions = [await client.create_session() for _ in range(200)]
        replies = await asyncio.gather(*(collect(client, session["id"]) for session in sessions))
    for events in replies:
        assert tuple(event.content for event in events if isinstance(event, Chunk)) == pieces
        assert isinstance(events[-1], Done)


async def test_messages_waits_for_the_whole_reply(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = await client.create_session()
        answer = await client.call("POST", "/api/chatbot/messages", {"session_id": session["id"], "content": "Hi"})
        listed = await client.call("GET", f"/api/chatbot/sessions/{session['id']}/messages")
    assert answer["assistant_message"]["content"] == "Once upon a time"
    assert [answer["user_message"], answer["assistant_message"]] == listed
    assert answer["session"]["message_count"] == 2
    assert answer["raw_response"] is None


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"content": "hi"}, 422, "invalid"),
        ({"session_id": 1, "content": " \n"}, 422, "invalid"),
        ({"session_id": 1, "content": "x" * 100_001}, 422, "invalid"),
        ({"session_id": 1, "content": "hi", "temperature": 2.1}, 422, "invalid"),
        ({"session_id": 1, "content": "hi", "top_p": 0}, 422, "invalid"),
        ({"session_id": 1, "content": "hi", "max_tokens": 0}, 422, "invalid"),
        ({"session_id": 1, "content": "hi", "on_disconnect": "wait"}, 422, "invalid"),
        ({"session_id": 1, "content": "hi", "model": "other"}, 422, "unknown_model"),
        ({"session_id": 1, "content": "hi", "template_id": 5}, 404, "not_found"),
        ({"session_id": 99, "content": "hi"}, 404, "not_found"),
    ],
)
async def test_a_refused_request_stores_nothing(gateway: Gateway, body: dict[str, object], status: int, code: str) -> None:
    async with gateway.client() as client:
        session = await client.create_session()
        assert session["id"] == 1
        for path in ("/api/chatbot/messages/stream", "/api/chatbot/messages"):
            async with client._http.post(gateway.url + path, json=body) as response:
                answer = await response.json()
            assert (response.status, answer["code"]) == (status, code)
            assert isinstance(answer["detail"], str)
        assert await client.call("GET", "/api/chatbot/sessions/1/messages") == []
        assert (await client.call("GET", "/api/chatbot/sessions/1"))["message_count"] == 0


async def test_max_tokens_is_lowered_never_refused(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = await client.create_session()
        await collect(client, session["id"], "word " * 500, max_tokens=1_000_000)
    assert scripted.requests[0].body["max_tokens"] < 4096


async def test_a_long_conversation_is_trimmed_and_its_beginning_stays(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.n_ctx = 400
    scripted.reply = Reply(("word " * 20,))
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
        session = await client.create_session(system_prompt="Keep me")
        for number in range(40):
            events = await collect(client, session["id"], f"question {number} " + "more " * 20)
            assert isinstance(events[-1], Done)
    bodies = [request.body["messages"] for request in scripted.requests]
    assert all(turns[0]["content"] == "Keep me" for turns in bodies)
    assert all(turns[1]["role"] == "user" for turns in bodies)
    assert all(sum(len(turn["content"].split()) + 2 for turn in turns) <= 400 for turns in bodies)
    beginnings = [turns[1]["content"].split()[1] for turns in bodies]
    assert beginnings[-1] != "0"
    assert len(set(beginnings)) <= 20


async def test_a_message_that_cannot_fit_says_both_numbers(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.n_ctx = 100
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
        events = await collect(client, (await client.create_session())["id"], "word " * 500)
    error = events[-1]
    assert isinstance(error, Error)
    assert (error.code, error.retryable) == ("context_exceeded", False)
    assert "502" in error.message
    assert "99" in error.message
    assert scripted.requests == []


async def test_a_client_that_knows_only_data_lines_gets_metadata_and_an_end_for_every_send(
    patient: Gateway, scripted: ScriptedServer
) -> None:
    """It closes its connection and sends again in the same tick; every reply of it has a beginning and an end."""
    scripted.reply = Reply(("a", "b", "c"), rate=100)
    async with patient.client() as client:
        session = await client.create_session()
        seen: list[list[str]] = []
        for number in range(10):
            async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {patient.token}"}) as http:
                body = {"session_id": session["id"], "content": f"send {number}"}
                response = await http.post(patient.url + "/api/chatbot/messages/stream", json=body)
                assert response.status == 200
                kinds: list[str] = []
                async for line in response.content:
                    if line.startswith(b"data: "):
                        kinds.append(json.loads(line[6:])["type"])
                        if number % 2 and "chunk" in kinds:
                            break
                response.close()
                seen.append(kinds)
        stored = await client.call("GET", f"/api/chatbot/sessions/{session['id']}/messages")
        replies = [message for message in stored if message["role"] == "assistant"]
        assert len(replies) == 10
        for reply in replies:
            events = [event async for _, event in client.follow(reply["stream_id"])]
            assert isinstance(events[0], Metadata)
            assert isinstance(events[-1], Done)
    assert all(kinds[0] == "metadata" for kinds in seen)
    assert all(kinds[-1] == "done" for kinds in seen[::2])


async def test_a_missing_and_a_wrong_token_are_401(gateway: Gateway) -> None:
    async with aiohttp.ClientSession() as http:
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Basic x"},
            {"Cookie": "lam_token=wrong", "Sec-Fetch-Site": "same-origin"},
        ):
            async with http.post(gateway.url + "/api/chatbot/messages/stream", json={}, headers=headers) as response:
                assert response.status == 401
                assert (await response.json())["code"] == "unauthorized"


async def test_silence_is_broken_by_a_comment(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("a", "b"), hold=True)
    bounds = Bounds(connections=Patience(comment=0.05))
    async with (
        running_gateway(tmp_path / "data", bounds=bounds, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
    ):
        async with raw_stream(client, (await client.create_session())["id"]) as stream:
            scripted.step()
            await stream.until(Chunk)
            while not stream.comments:
                assert await stream.read()
            scripted.step()
            assert isinstance((await stream.rest())[-1], Done)


async def test_a_write_holds_whole_events_of_at_most_16_kib() -> None:
    from lam.api.log_writer import WRITE_BYTES, bodies
    from lam.streams.log import Record

    records = [Record(number, Chunk("x" * (number * 97 % 9000))) for number in range(1, 200)]
    records.append(Record(200, Chunk("y" * 40_000)))
    writes = list(bodies(records))
    assert b"".join(writes) == b"".join(record.frame for record in records)
    assert all(body.startswith(b"id: ") and body.endswith(b"\n\n") for body in writes)
    assert [len(body) > WRITE_BYTES for body in writes] == [False] * (len(writes) - 1) + [True]
