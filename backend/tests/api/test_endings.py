"""How a run ends: the contract's table, row by row, with the scripted server in front of each fault."""

import asyncio

import pytest

from lam.engines.retries import Pauses
from lam.errors import LamError
from lam.gateway import Bounds
from lam.generation.pump import Limits
from lam.protocol.events import Chunk, Done, Error, Metadata, Progress
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, collect, raw_stream, running_gateway

#       fault                  code              status         retryable
TABLE = [
    ("cut", "interrupted", "interrupted", True),
    ("no_finish", "interrupted", "interrupted", True),
    ("server_error", "llm_error", "failed", True),
    ("html_error", "llm_error", "failed", True),
    ("html", "llm_error", "failed", True),
    ("bad_request", "llm_error", "failed", False),
    ("garbage", "llm_error", "failed", True),
    ("invalid_utf8", "interrupted", "interrupted", True),
    ("endless_line", "llm_error", "failed", True),
    ("error_data", "llm_error", "failed", True),
    ("error_line", "llm_error", "failed", True),
    ("done_without_finish", "llm_error", "failed", True),
    ("hang", "timeout", "failed", True),
    ("silent", "timeout", "failed", True),
]
BEFORE_ANY_TEXT = {"server_error", "html_error", "html", "bad_request"}


@pytest.mark.parametrize(("fault", "code", "status", "retryable"), TABLE)
async def test_every_fault_has_its_code_and_status_and_keeps_the_text(
    fault: str, code: str, status: str, retryable: bool, scripted: ScriptedServer, tmp_path
) -> None:
    scripted.reply = Reply(fault=fault, after=2)
    patience = 1 if code == "timeout" else 30
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, llm_timeout=patience) as gateway:
        async with gateway.client() as client:
            session = await client.create_session()
            events = await collect(client, session["id"])
            (_, stored) = await client.call("GET", f"/api/chatbot/sessions/{session['id']}/messages")
            replayed = [event async for _, event in client.follow(stored["stream_id"])]
            gateway.parts.streams._shelf.clear()
            rebuilt = [event async for _, event in client.follow(stored["stream_id"])]
    error = events[-1]
    assert isinstance(error, Error)
    assert (error.code, error.retryable) == (code, retryable)
    expected = "" if fault in BEFORE_ANY_TEXT else "Once upon"
    if fault == "invalid_utf8":
        expected += "\ufffd\ufffd"
    assert "".join(event.content for event in events if isinstance(event, Chunk)) == expected
    assert (stored["status"], stored["content"]) == (status, expected)
    assert replayed == events
    assert isinstance(rebuilt[0], Metadata)
    assert rebuilt[0].rebuilt is True
    assert rebuilt[1:] == ([Chunk(expected)] if expected else []) + [error]


async def test_refused_connections_are_tried_again_and_then_unreachable(scripted: ScriptedServer, tmp_path) -> None:
    await scripted.vanish()
    bounds = Bounds(pauses=Pauses(refused=0.5))
    async with (
        running_gateway(tmp_path / "data", bounds=bounds, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
    ):
        session = await client.create_session()
        events = await collect(client, session["id"])
        assert [type(event) for event in events] == [Metadata, Progress, Error]
        error = events[-1]
        assert isinstance(error, Error)
        assert (error.code, error.retryable) == ("llm_unreachable", True)
        with pytest.raises(LamError) as caught:
            await client.call("POST", "/api/chatbot/messages", {"session_id": session["id"], "content": "again"})
        assert caught.value.code == "llm_unreachable"


async def test_a_server_that_comes_up_in_time_answers(scripted: ScriptedServer, tmp_path) -> None:
    await scripted.vanish()
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
        async with raw_stream(client, (await client.create_session())["id"]) as stream:
            await stream.until(Progress)
            await scripted.listen()
            events = await stream.rest()
    assert [event.stage for event in events if isinstance(event, Progress)] == ["unreachable"]
    assert isinstance(events[-1], Done)


@pytest.mark.parametrize(("fault", "code"), [("loading", "llm_loading"), ("overloaded", "llm_overloaded")])
async def test_a_server_that_is_not_ready_is_waited_for_until_the_timeout(
    fault: str, code: str, scripted: ScriptedServer, tmp_path
) -> None:
    async with (
        running_gateway(tmp_path / "patient", llm_server_url=scripted.url, llm_timeout=30) as patient,
        running_gateway(tmp_path / "hasty", llm_server_url=scripted.url, llm_timeout=0.7) as hasty,
    ):
        async with patient.client() as client:
            scripted.reply = Reply(fault=fault, times=2)
            events = await collect(client, (await client.create_session())["id"])
            assert [event.stage for event in events if isinstance(event, Progress)] == ["loading"]
            assert isinstance(events[-1], Done)
        async with hasty.client() as client:
            scripted.reply = Reply(fault=fault, times=1000)
            error = (await collect(client, (await client.create_session())["id"]))[-1]
        assert isinstance(error, Error)
        assert (error.code, error.retryable) == (code, True)


async def test_progress_counts_as_life_before_the_first_token(scripted: ScriptedServer, tmp_path) -> None:
    scripted.reply = Reply(progress=16, wait=0.4)
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, llm_timeout=5) as gateway,
        gateway.client() as client,
    ):
        events = await collect(client, (await client.create_session())["id"])
    assert isinstance(events[-1], Done)


async def test_a_server_that_answers_in_one_document_still_streams(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(fault="json")
    async with gateway.client() as client:
        events = await collect(client, (await client.create_session())["id"])
    assert [event.content for event in events if isinstance(event, Chunk)] == ["Once upon a time"]
    assert isinstance(events[-1], Done)


async def test_waiting_progress_is_repeated(scripted: ScriptedServer, tmp_path) -> None:
    scripted.reply = Reply(("a",), hold=True)
    bounds = Bounds(pump=Limits(repeat=0.05))
    async with (
        running_gateway(tmp_path / "data", bounds=bounds, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
        raw_stream(client, (await client.create_session())["id"]) as stream,
    ):
        while sum(isinstance(event, Progress) for _, event in stream.events) < 3:
            assert await stream.read()
        scripted.step(1)
        assert isinstance((await stream.rest())[-1], Done)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [("server_error", 502, "llm_error"), ("cut", 502, "interrupted"), ("silent", 504, "timeout"), ("loading", 503, "llm_loading")],
)
async def test_messages_answers_with_the_status_of_the_failure(
    fault: str, status: int, code: str, scripted: ScriptedServer, tmp_path
) -> None:
    scripted.reply = Reply(fault=fault, after=1, times=1000)
    patience = 0.5 if code in ("timeout", "llm_loading") else 30
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, llm_timeout=patience) as gateway,
        gateway.client() as client,
    ):
        session = await client.create_session()
        body = {"session_id": session["id"], "content": "hi"}
        async with client._http.post(gateway.url + "/api/chatbot/messages", json=body) as response:
            assert (response.status, (await response.json())["code"]) == (status, code)
        stored = await client.call("GET", f"/api/chatbot/sessions/{session['id']}/messages")
    assert [message["role"] for message in stored] == ["user", "assistant"]
    assert stored[1]["status"] != "complete"


async def test_failures_are_never_told_to_the_model_as_answers(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        scripted.reply = Reply(fault="server_error")
        await collect(client, session, "first")
        scripted.reply = Reply(fault="cut", after=1)
        await collect(client, session, "second")
        scripted.reply = Reply()
        await collect(client, session, "third")
    assert scripted.requests[-1].body["messages"] == [
        {"role": "user", "content": "first\n\nsecond"},
        {"role": "assistant", "content": "Once"},
        {"role": "user", "content": "third"},
    ]


async def test_the_finish_reason_is_enough_whatever_happens_after_it(gateway: Gateway, scripted: ScriptedServer) -> None:
    finish = '{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}'
    odd_usage = '{"choices": [], "usage": {"total_tokens": null, "prompt_tokens": null}}'
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        for fault in ("cut", "no_finish", "silent", "hang", "garbage", "error_line"):
            scripted.reply = Reply(pieces=("All",), raw=(finish, odd_usage), fault=fault, after=9)
            events = await asyncio.wait_for(collect(client, session), 20)
            done = events[-1]
            assert isinstance(done, Done), fault
            assert done.full_content == "All"


@pytest.mark.parametrize("piece", ["\n", "<thi", " <think"])
async def test_text_that_could_have_become_a_tag_is_not_lost(piece: str, gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply((piece, "never sent"), fault="cut", after=1)
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        await collect(client, session)
        (_, stored) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
    assert stored["content"] == piece


@pytest.mark.parametrize("code", [None, "invalid_api_key", 400, 500])
async def test_a_4xx_is_not_retryable_whatever_its_body_says(code: object, gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(fault="bad_request", error_code=code)
    async with gateway.client() as client:
        error = (await collect(client, (await client.create_session())["id"]))[-1]
    assert isinstance(error, Error)
    assert (error.code, error.retryable) == ("llm_error", False)


async def test_a_refusal_that_arrives_in_pieces_is_read_to_its_end(scripted: ScriptedServer, tmp_path) -> None:
    scripted.reply = Reply(fault="loading", times=2, slice=7)
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
        events = await collect(client, (await client.create_session())["id"])
    assert [event.stage for event in events if isinstance(event, Progress)] == ["loading"]
    assert isinstance(events[-1], Done)


@pytest.mark.sse
async def test_a_server_that_refuses_everything_is_not_ready_and_what_was_known_stays(
    gateway: Gateway, scripted: ScriptedServer
) -> None:
    engine = gateway.parts.catalog.engines["default"]
    assert (await gateway.parts.catalog.models())[0].n_ctx == 4096
    scripted.refuses_all = True
    assert (await engine.health()).state == "unreachable"
    assert (await gateway.parts.catalog.models())[0].n_ctx == 4096
