"""Killed in any moment of a reply: what comes back is what a reader had been sent, relabelled thoughts and tool calls included."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from lam.protocol.events import Chunk, Error, Event, Metadata, Relabel, Thinking, ToolCall
from lam.protocol.snapshot import Snapshot
from lam.testing.server import Reply, ScriptedServer

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
    "while it thinks in the answer": (Reply(TALE, hold=True), Chunk, 1),
    "after the thoughts moved": (Reply(TALE, hold=True), Relabel, 5),
    "in the answer after that": (Reply(TALE, hold=True), Relabel, 6),
    "while it thinks": (Reply(("x",), thinking=("a", "b"), hold=True), Thinking, 2),
    "with a tool call open": (Reply(("I look. ",), raw=(line(CALL),), fault="hang", after=9), ToolCall, 0),
    "after a tool call": (Reply((), raw=(line(CALL), line(MORE)), fault="hang", after=9), ToolCall, 0),
}


@pytest.mark.parametrize("name", MOMENTS)
async def test_what_comes_back_is_what_was_sent(name: str, scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply, kind, steps = MOMENTS[name]
    data = tmp_path / "data"
    async with gateway_process(data, llm_server_url=scripted.url) as (process, gateway):
        async with gateway.client() as client:
            session = (await client.create_session())["id"]
            async with raw_stream(client, session, on_disconnect="continue") as stream:
                metadata = await stream.until(Metadata)
                await scripted.arrival()
                scripted.step(steps)
                await stream.until(kind)
                while scripted.requests[0].sent < steps:
                    await stream.read()
                await asyncio.sleep(2)  # Time itself: a checkpoint is never older than a second; with the machine busy, two
                while not stream.response.content.at_eof() and stream.response.content._buffer:
                    await stream.read()
                sent = fold([event for _, event in stream.events])
                process.kill()
                await process.wait()
    async with gateway_process(data, llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        (_, stored) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
        rebuilt = [event async for _, event in client.follow(metadata.stream_id)]  # type: ignore[union-attr]
    again = fold(rebuilt)
    assert isinstance(rebuilt[-1], Error)
    assert (stored["status"], stored["content"], stored["thinking"] or "") == ("interrupted", sent.text, sent.thinking)
    assert (again.parts, again.thinking) == (sent.parts, sent.thinking)
    assert stored["parts"] == list(msgspec.to_builtins(sent.parts))
