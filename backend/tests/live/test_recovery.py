"""Killed in any moment of a reply that cannot go on: what comes back is what a reader had been sent, relabelled thoughts and tool
calls included. Where it can go on, it ends as if nothing had happened."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from lam.protocol.events import Chunk, Done, Error, Event, Metadata, Relabel, Thinking, ToolCall
from lam.protocol.snapshot import Snapshot
from lam.testing.server import Reply, ScriptedServer

from ..checkpoints import until_stored
from ..ports import free_port
from ..running import gateway_process, raw_stream

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

CALL = {"index": 0, "id": "c1", "function": {"name": "look", "arguments": '{"at": '}}
MORE = {"index": 0, "function": {"arguments": '"it"}'}}
TALE = ("I think\n", "so.\n", "</think>", "It is ", "four ", "and ", "more ")


def fold(events: list[Event]) -> Snapshot:
    snapshot = Snapshot()
    for event in events:
        snapshot.add(event)
    return snapshot


def line(call: object) -> str:
    return json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})


MOMENTS: dict[str, tuple[Reply, type[Event], int]] = {
    "after the thoughts moved": (Reply(TALE, hold=True), Relabel, 3),
    "while it thinks": (Reply(("x",), thinking=("a", "b"), hold=True), Thinking, 2),
    "with a tool call open": (Reply(("I look. ",), raw=(line(CALL),), fault="hang", after=9), ToolCall, 0),
    "after a tool call": (Reply((), raw=(line(CALL), line(MORE)), fault="hang", after=9), ToolCall, 0),
}


@pytest.mark.parametrize("name", MOMENTS)
async def test_what_comes_back_is_what_was_sent(name: str, scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply, kind, steps = MOMENTS[name]
    data = tmp_path / "data"
    stream_id, session, sent = await killed(scripted, data, kind, steps)
    async with gateway_process(data, llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        (_, stored) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
        rebuilt = [event async for _, event in client.follow(stream_id)]
    again = fold(rebuilt)
    assert isinstance(rebuilt[-1], Error)
    assert (stored["status"], stored["content"], stored["thinking"] or "") == ("interrupted", sent.text, sent.thinking)
    assert (again.parts, again.thinking) == (sent.parts, sent.thinking)
    assert stored["parts"] == list(msgspec.to_builtins(sent.parts))


@pytest.mark.parametrize(("kind", "steps", "rest"), [(Chunk, 1, TALE), (Relabel, 6, ("It is ", "four ", "and ", "more "))])
async def test_thoughts_without_a_tag_end_as_if_nothing_had_happened(
    kind: type[Event], steps: int, rest: tuple[str, ...], scripted: ScriptedServer, tmp_path: Path
) -> None:
    """They are taken for the answer until their closing tag comes: before it or after it, the reply goes on."""
    scripted.reply = Reply(TALE, hold=True)
    data = tmp_path / "data"
    stream_id, session, _ = await killed(scripted, data, kind, steps)
    scripted.reply = Reply(rest)
    async with gateway_process(data, llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        events = [event async for _, event in client.follow(stream_id)]
        (_, stored) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
    assert isinstance(events[-1], Done)
    assert (stored["status"], stored["content"], stored["thinking"]) == ("complete", "It is four and more ", "I think\nso.\n")


async def killed(scripted: ScriptedServer, data: Path, kind: type[Event], steps: int) -> tuple[str, int, Snapshot]:
    """Kills a gateway after so many pieces of a reply. Returns the stream, the session, and what a reader had been sent."""
    async with gateway_process(data, llm_server_url=scripted.url) as (process, gateway):
        async with gateway.client() as client:
            session = (await client.create_session())["id"]
            async with raw_stream(client, session, on_disconnect="continue") as stream:
                metadata = await stream.until(Metadata)
                assert isinstance(metadata, Metadata)
                assert metadata.stream_id
                await scripted.arrival()
                scripted.step(steps)
                await stream.until(kind)
                while scripted.requests[0].sent < steps:
                    await asyncio.sleep(0.01)
                await until_stored(data, metadata.stream_id, stream.holds)
                sent = stream.snapshot()
                process.kill()
                await process.wait()
                return metadata.stream_id, session, sent


SERVERS = """
[[server]]
name = "first"
url = "http://127.0.0.1:{free}"
[[server]]
name = "second"
url = "{url}"
[[model]]
name = "quick"
routes = ["first", "second"]
"""


async def test_what_comes_back_names_the_server_that_wrote_it(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("a", "b"), hold=True)
    file = tmp_path / "lam.toml"
    file.write_text(SERVERS.format(free=free_port(), url=scripted.url))
    settings = {"lam_config": file, "lam_healing": False}
    async with gateway_process(tmp_path / "data", **settings) as (process, gateway), gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session, on_disconnect="continue") as stream:
            await scripted.arrival()
            scripted.step(1)
            metadata = await stream.until(Metadata)
            assert isinstance(metadata, Metadata)
            await until_stored(tmp_path / "data", metadata.stream_id or "", lambda stored: stored.text == "a")
            process.kill()
            await process.wait()
    async with gateway_process(tmp_path / "data", **settings) as (_, gateway), gateway.client() as client:
        (_, stored) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
    assert (stored["status"], stored["content"]) == ("interrupted", "a")
    assert (stored["metadata"]["server"], stored["metadata"]["model"]) == ("second", "quick")


async def test_a_conversation_that_is_kept_survives_its_gateway_once(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("It is ", "four."), hold=True)
    file = tmp_path / "lam.toml"
    file.write_text("[programs]\nstore = true\n")
    settings = {"lam_config": file, "llm_server_url": scripted.url}
    body = {"model": "", "messages": [{"role": "user", "content": "2 + 2?"}], "stream": True}
    async with gateway_process(tmp_path / "data", **settings) as (process, gateway), gateway.client() as client:
        headers = client._headers | {"x-lam-on-disconnect": "continue"}
        async with client._http.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers) as answer:
            await scripted.arrival()
            scripted.step(1)
            await answer.content.readuntil(b"It is")
            run_id = answer.headers["x-lam-stream"]
            await until_stored(tmp_path / "data", run_id, lambda stored: stored.text == "It is ")
            process.kill()
            await process.wait()
    for _ in range(2):
        async with gateway_process(tmp_path / "data", **settings) as (_, gateway), gateway.client() as client:
            (session,) = await client.call("GET", "/api/chatbot/sessions")
            question, reply = await client.call("GET", f"/api/chatbot/sessions/{session['id']}/messages")
            assert (question["content"], reply["content"], reply["status"]) == ("2 + 2?", "It is ", "interrupted")
