"""Model servers that are not llama.cpp, or not well: how they answer questions, how they refuse, when they are free."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from time import time
from typing import Any

import pytest

from lam.engines.openai_http import Probing
from lam.errors import SessionBusy
from lam.gateway import Bounds
from lam.protocol.events import Chunk, Done, Error, Event, Metadata, Progress
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, collect, raw_stream, running_gateway

MODELS = '{"object": "list", "data": [{"id": "scripted", "object": "model"}]}'
UNAUTHORIZED = '{"error": {"message": "No auth credentials found", "code": 401}}'


def end(events: list[Event]) -> Done | Error:
    last = events[-1]
    assert isinstance(last, Done | Error)
    return last


@asynccontextmanager
async def answering(head: str, body: bytes, *, slowly: bool = False) -> AsyncIterator[str]:
    """The address of a server that answers each chat, and the list of models, with these very bytes."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        if b"/props" in asked:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        else:
            writer.write(f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode())
            for at in range(0, len(body), 1 if slowly else len(body)):
                writer.write(body[at : at + 1] if slowly else body)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=1 << 20)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def reply_of(url: str, tmp_path, **settings: Any) -> Done | Error:
    async with running_gateway(tmp_path / "data", llm_server_url=url, **settings) as gateway, gateway.client() as client:
        return end(await asyncio.wait_for(collect(client, (await client.create_session())["id"]), 30))


# Questions

PROBES: dict[str, dict[str, Any]] = {
    "/props answers 401": {"/props": (401, UNAUTHORIZED, {})},
    "/props answers 403": {"/props": (403, '{"detail": "Forbidden"}', {})},
    "/props answers 500": {"/props": (500, "oops", {})},
    "/props is a web page": {"/props": (200, "<html></html>", {})},
    "/props redirects": {"/props": (302, "", {"Location": "/login"})},
    "/props is a list": {"/props": (200, "[]", {})},
    "/v1/models answers 401": {"/v1/models": (401, UNAUTHORIZED, {}), "/props": (404, "{}", {})},
    "/v1/models answers 500": {"/v1/models": (500, "{}", {})},
    "/v1/models is not JSON": {"/v1/models": (200, "ok", {})},
    "/v1/models is a bare list": {"/v1/models": (200, '[{"id": "scripted"}]', {})},
    "/v1/models is null": {"/v1/models": (200, "null", {})},
    "models without ids": {"/v1/models": (200, '{"data": [{"id": null}, {}, 3]}', {})},
    "/props redirects to nowhere": {"/props": (302, "", {"Location": "http://h:99999/"})},
    "/props is nested beyond reason": {"/props": (200, "[" * 100_000, {})},
    "all questions answer 401": {"/props": (401, UNAUTHORIZED, {}), "/v1/models": (401, UNAUTHORIZED, {})},
}


@pytest.mark.sse
@pytest.mark.parametrize("name", PROBES)
async def test_no_answer_to_a_question_stops_a_server_that_chats(name: str, scripted: ScriptedServer, tmp_path) -> None:
    scripted.llama = False
    scripted.answers |= PROBES[name]
    assert isinstance(await reply_of(scripted.url, tmp_path), Done)


@pytest.mark.sse
@pytest.mark.parametrize(
    "paths", [{"/props"}, {"/v1/models"}, {"/props", "/v1/models"}], ids=lambda paths: " and ".join(sorted(paths))
)
async def test_a_question_that_is_never_answered_stops_no_server_that_chats(
    paths: set[str], scripted: ScriptedServer, tmp_path
) -> None:
    scripted.llama = False
    scripted.hangs |= paths
    bounds = Bounds(probing=Probing(answer=1, props=0.5))
    assert isinstance(await reply_of(scripted.url, tmp_path, bounds=bounds), Done)


@pytest.mark.sse
async def test_a_compressed_list_of_models_and_a_compressed_stream_are_read(tmp_path) -> None:
    stream = (
        b'data: {"choices": [{"delta": {"content": "Once"}}]}\n\ndata: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
    )
    for kind in ("text/event-stream", "application/json", "text/plain"):
        async with answering(
            f"200 OK\r\nContent-Type: {kind}\r\nContent-Encoding: gzip", gzip.compress(stream), slowly=True
        ) as url:
            done = await reply_of(url, tmp_path / kind.replace("/", "-"))
            assert isinstance(done, Done)
            assert done.full_content == "Once"


@pytest.mark.sse
async def test_a_header_of_twenty_kilobytes_is_read(tmp_path) -> None:
    stream = b'data: {"choices": [{"delta": {"content": "Once"}, "finish_reason": "stop"}]}\n\n'
    async with answering("200 OK\r\nContent-Type: text/event-stream\r\nX-Trace: " + "x" * 20_000, stream) as url:
        assert isinstance(await reply_of(url, tmp_path), Done)


LISTS = [
    (["text-embedding-3-small", "gpt-4o"], "gpt-4o"),
    (["nomic-embed-text:latest", "llama3.2:1b"], "llama3.2:1b"),
    (["bge-m3", "jina-reranker-v2", "whisper-1", "qwen3"], "qwen3"),
    (["BAAI/bge-reranker-v2-m3", "Qwen/Qwen3-8B"], "Qwen/Qwen3-8B"),
    (["tts-1", "dall-e-3", "omni-moderation-latest", "mistral-small"], "mistral-small"),
    (["guardian-story-teller", "other"], "guardian-story-teller"),
    (["all-minilm"], "all-minilm"),
]


@pytest.mark.sse
@pytest.mark.parametrize(("listed", "default"), LISTS, ids=lambda value: value[0] if isinstance(value, list) else "")
async def test_the_default_is_the_first_model_that_chats(
    listed: list[str], default: str, scripted: ScriptedServer, tmp_path
) -> None:
    scripted.llama = False
    scripted.answers["/v1/models"] = (200, json.dumps({"data": [{"id": name} for name in listed]}), {})
    await reply_of(scripted.url, tmp_path)
    assert scripted.requests[-1].body["model"] == default


@pytest.mark.sse
async def test_what_a_list_says_of_its_models_goes_before_their_names(scripted: ScriptedServer, tmp_path) -> None:
    scripted.llama = False
    listed = [
        {"id": "a", "type": "embeddings"},
        {"id": "b", "capabilities": ["embedding"]},
        {"id": "c", "architecture": {"output_modalities": ["image"]}},
        {"id": "d", "status": {"value": "unloaded"}},
        {"id": "e", "status": {"value": "loaded"}},
    ]
    scripted.answers["/v1/models"] = (200, json.dumps({"data": listed}), {})
    await reply_of(scripted.url, tmp_path)
    assert scripted.requests[-1].body["model"] == "e"


@pytest.mark.sse
async def test_a_default_model_that_got_another_name_is_asked_for_by_that(scripted: ScriptedServer, tmp_path) -> None:
    def plan(body: dict[str, Any]) -> Reply:
        if body["model"] != scripted.model:
            return Reply(status=404, body=json.dumps({"error": {"message": f"The model `{body['model']}` does not exist."}}))
        return Reply(hold=True)

    scripted.reply, scripted.slots, scripted.llama = plan, 1, False
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, llm_slots=1) as gateway,
        gateway.client() as client,
    ):
        first, second = [(await client.create_session())["id"] for _ in range(2)]
        running = asyncio.create_task(collect(client, first))
        await scripted.arrival()
        waiting = asyncio.create_task(collect(client, second))
        while gateway.parts.catalog.queue.waiting == 0:
            await asyncio.sleep(0.01)
        scripted.model = "renamed"
        scripted.step(100)
        assert isinstance(end(await running), Done)
        done = end(await asyncio.wait_for(waiting, 10))
        assert isinstance(done, Done)
        assert done.model == "renamed"


# Refusals

WORDS = {
    "an object": (400, {"error": {"message": "Conversation roles must alternate"}}),
    "a text": (400, {"error": "Conversation roles must alternate"}),
    "flat": (400, {"object": "error", "message": "Conversation roles must alternate", "code": 400}),
    "detail": (422, {"detail": "Conversation roles must alternate"}),
    "a list of details": (422, {"detail": [{"loc": ["body", "messages"], "msg": "Conversation roles must alternate"}]}),
    "a list": (400, [{"error": {"message": "Conversation roles must alternate", "status": "INVALID_ARGUMENT"}}]),
    "nested": (400, {"error": {"error": {"message": "Conversation roles must alternate"}}}),
    "errors": (400, {"errors": [{"message": "Conversation roles must alternate"}]}),
}


@pytest.mark.parametrize("name", WORDS)
async def test_the_servers_own_words_are_told(name: str, scripted: ScriptedServer, tmp_path) -> None:
    status, said = WORDS[name]
    scripted.reply = Reply(status=status, body=json.dumps(said))
    error = await reply_of(scripted.url, tmp_path)
    assert isinstance(error, Error)
    assert "Conversation roles must alternate" in error.message
    assert (error.code, error.retryable) == ("llm_error", False)


@pytest.mark.sse
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed_and_the_sentence_names_where_it_points(
    status: int, scripted: ScriptedServer, tmp_path
) -> None:
    async with ScriptedServer() as elsewhere:
        scripted.reply = Reply(status=status, headers={"Location": f"{elsewhere.url}/v1/chat/completions"})
        error = await reply_of(scripted.url, tmp_path)
        assert isinstance(error, Error)
        assert f"http://127.0.0.1:{elsewhere.port}" in error.message
        assert elsewhere.requests == []
    assert len(scripted.requests) == 1


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Retry-After": "3600"}, {"error": {"message": "Rate limit reached"}}),
        ({"Retry-After": formatdate(time() + 86400, usegmt=True)}, {"error": {"message": "Rate limit reached"}}),
        ({}, {"error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}}),
        ({}, {"error": {"message": "Insufficient balance, check your billing"}}),
    ],
    ids=["an hour", "a date", "quota", "balance"],
)
async def test_what_will_not_pass_in_time_is_not_asked_again(
    headers: dict[str, str], said: Any, scripted: ScriptedServer, tmp_path
) -> None:
    scripted.reply = Reply(status=429, body=json.dumps(said), headers=headers)
    error = await reply_of(scripted.url, tmp_path, llm_timeout=120)
    assert isinstance(error, Error)
    assert error.code == "llm_overloaded"
    assert said["error"]["message"] in error.message
    assert len(scripted.requests) == 1


async def test_a_server_that_asks_to_wait_a_second_is_asked_again_then(scripted: ScriptedServer, tmp_path) -> None:
    def plan(_body: object) -> Reply:
        return Reply(status=429, body="{}", headers={"Retry-After": "1"}) if len(scripted.requests) < 2 else Reply()

    scripted.reply = plan
    assert isinstance(await reply_of(scripted.url, tmp_path), Done)
    assert len(scripted.requests) in (2, 3)


@pytest.mark.sse
@pytest.mark.parametrize(
    "headers",
    [
        {"Location": "http://[::1"},
        {"Location": "https://a:b/"},
        {"Retry-After": "Fri, 31 Dec 9999 23:59:59 -2300"},
        {"Retry-After": "soon"},
    ],
)
async def test_headers_beyond_reason_are_no_internal_error(headers: dict[str, str], scripted: ScriptedServer, tmp_path) -> None:
    scripted.reply = Reply(status=302 if "Location" in headers else 400, body="{}", headers=headers)
    error = await reply_of(scripted.url, tmp_path)
    assert isinstance(error, Error)
    assert "went wrong inside" not in error.message


# When a place is free again


@pytest.mark.sse
@pytest.mark.parametrize("reply", [Reply(status=400, body="{}"), Reply(fault="server_error"), Reply(fault="cut", after=1), Reply()])
async def test_an_answer_or_an_ended_stream_proves_the_model_free(reply: Reply, scripted: ScriptedServer, tmp_path) -> None:
    """Where the server shows no slots, too: nobody waits for a place that is not in use."""
    scripted.llama = False
    scripted.reply = reply
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, llm_slots=1, lam_titles=True) as gateway,
        gateway.client() as client,
    ):
        session = (await client.create_session())["id"]
        for _ in range(8):
            events = await collect(client, session)
            assert not any(isinstance(event, Progress) and event.stage == "queued" and event.position for event in events)
            while gateway.parts.supervisor.running():
                await asyncio.sleep(0)
            assert gateway.parts.catalog.queue.in_use <= 1  # a title may be asked for


@pytest.mark.sse
async def test_the_place_of_a_stopped_run_is_free_after_a_second_where_the_server_shows_no_slots(
    scripted: ScriptedServer, tmp_path
) -> None:
    scripted.llama = False
    scripted.reply = Reply(hold=True)
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, llm_slots=1) as gateway, gateway.client() as client:
        async with raw_stream(client, (await client.create_session())["id"]) as stream:
            metadata = await stream.until(Metadata)
            await scripted.arrival()
            await client.stop(metadata.stream_id)  # type: ignore[union-attr]
            await stream.rest()
        assert gateway.parts.catalog.queue.in_use == 1
        while gateway.parts.catalog.queue.in_use:
            await asyncio.sleep(0.02)


# Signs of life


@pytest.mark.sse
async def test_a_running_reply_is_proof_of_life(scripted: ScriptedServer, tmp_path) -> None:
    bounds = Bounds(probing=Probing(health=0, answer=0.2))
    scripted.reply = Reply(hold=True)
    async with (
        running_gateway(tmp_path / "data", bounds=bounds, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
    ):
        while not (await client.call("GET", "/api/health"))["ready"]:  # asked within 0.2 s
            await asyncio.sleep(0.02)
        async with raw_stream(client, (await client.create_session())["id"]) as stream:
            scripted.step()
            await stream.until(Chunk)
            scripted.hangs |= {"/props", "/v1/models", "/slots"}
            assert (await client.call("GET", "/api/health"))["ready"]
            scripted.step(10)
            await stream.rest()
        assert not (await client.call("GET", "/api/health"))["ready"]


async def test_the_typed_client_knows_which_reply_keeps_a_session_busy(impatient: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(hold=True)
    async with impatient.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session, on_disconnect="continue") as stream:
            metadata = await stream.until(Metadata)
            with pytest.raises(SessionBusy) as caught:
                await collect(client, session, "again")
            assert caught.value.stream_id == metadata.stream_id  # type: ignore[union-attr]


# Bounds and figures


@pytest.mark.parametrize("thinking", [(), ("hm" * 30,)])
async def test_a_reply_above_its_limit_ends_as_length(thinking: tuple[str, ...], scripted: ScriptedServer, tmp_path) -> None:
    scripted.reply = Reply(("0123456789",) * 1000, thinking=thinking)
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_max_reply_chars=95) as gateway,
        gateway.client() as client,
    ):
        session = (await client.create_session())["id"]
        done = end(await collect(client, session))
        assert isinstance(done, Done)
        assert done.finish_reason == "length"
        (_, stored) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
        assert (stored["status"], stored["content"]) == ("complete", done.full_content)
        assert len(stored["content"]) + len(stored["thinking"] or "") == 95
        while scripted.active:
            await asyncio.sleep(0.01)
        assert scripted.requests[-1].left_early or scripted.requests[-1].sent >= 1000


async def test_a_stopped_reply_counts_its_tokens(scripted: ScriptedServer, tmp_path) -> None:
    scripted.reply = Reply(("word ",) * 100, hold=True)
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            metadata = await stream.until(Metadata)
            scripted.step(7)
            while sum(type(event).__name__ == "Chunk" for _, event in stream.events) < 7:
                assert await stream.read()
            await client.stop(metadata.stream_id)  # type: ignore[union-attr]
            done = end(await stream.rest())
        assert isinstance(done, Done)
        assert done.usage is not None
        assert (done.usage.completion_tokens, done.usage.estimated) == (7, True)
        assert done.usage.prompt_tokens > 0
        usage = await client.call("GET", "/api/usage")
        assert usage["total"]["completion_tokens"] == 7
