"""A gateway that dies in the middle of a reply: the next one takes the reply up in the same stream, and its text is that of an
undisturbed one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lam.client.client import Client
from lam.protocol.events import Chunk, Done, Error, Event, Metadata, Progress
from lam.protocol.snapshot import Snapshot
from lam.testing.server import Reply, ScriptedServer

from ..checkpoints import until_stored
from ..running import RawStream, gateway_process, raw_stream

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

PIECES = ("Once ", "upon\n", "a ", "time,\n<", "i> ", "\U0001f332\U0001f332 ", "there ", "was.")
WHOLE = "".join(PIECES)


def fold(events: list[Event]) -> Snapshot:
    snapshot = Snapshot()
    for event in events:
        snapshot.add(event)
    return snapshot


async def saved(data: Path, stream: RawStream, scripted: ScriptedServer, pieces: int, attempt: int = 1) -> str:
    """Lets so many pieces come and be saved. Returns the stream's id."""
    metadata = await stream.until(Metadata)
    assert isinstance(metadata, Metadata)
    assert metadata.stream_id
    await scripted.arrival(attempt)
    scripted.step(pieces)
    while len(fold([event for _, event in stream.events]).text) < len("".join(PIECES[:pieces]).rstrip("<")) - 6:
        assert await stream.read()
    while scripted.requests[attempt - 1].sent < pieces:
        await asyncio.sleep(0.01)
    await until_stored(data, metadata.stream_id, stream.holds)
    return metadata.stream_id


async def stored(client: Client, session: int) -> dict[str, Any]:
    message: dict[str, Any] = (await client.call("GET", f"/api/chatbot/sessions/{session}/messages"))[-1]
    return message


@pytest.mark.parametrize("pieces", [0, 1, 4, 6, 7])
async def test_the_next_gateway_goes_on_in_the_same_stream(pieces: int, scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    data = tmp_path / "data"
    async with gateway_process(data, llm_server_url=scripted.url) as (process, gateway), gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session, on_disconnect="continue", max_tokens=50) as stream:
            stream_id = await saved(data, stream, scripted, pieces)
            read = stream.events[-1][0]
            process.kill()
            await process.wait()
    scripted.reply = Reply(PIECES)
    async with gateway_process(data, llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        rest = [numbered async for numbered in client.follow(stream_id, after=read)]
        message = await stored(client, session)
        whole = [numbered async for numbered in client.follow(stream_id)]
    number, metadata = rest[0]
    assert isinstance(metadata, Metadata)
    assert metadata.rebuilt is True
    assert number > 1_000_000
    assert [number for number, _ in rest] == list(range(number, number + len(rest)))
    assert whole == rest
    assert isinstance(done := rest[-1][1], Done)
    assert done.full_content == fold([event for _, event in rest]).text == WHOLE
    assert (message["status"], message["content"]) == ("complete", WHOLE)
    assert done.usage
    assert done.usage.completion_tokens == len(PIECES)
    second = scripted.requests[1].body
    if pieces:
        (healed,) = message["metadata"]["healed"]
        assert healed["reason"] == "gateway_lost"
        assert second["messages"][-1]["content"].encode("utf-16-le")[: 2 * healed["at"]].decode("utf-16-le") in WHOLE
        assert second["max_tokens"] < 50
        assert "recovering" in [event.stage for _, event in rest if isinstance(event, Progress)]
    else:
        assert "healed" not in message["metadata"]
        assert second["messages"] == scripted.requests[0].body["messages"]


async def test_it_goes_on_through_two_deaths_of_gateways_and_one_of_the_server(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    data = tmp_path / "data"
    read, stream_id, session = 0, "", 0
    for attempt in (1, 2):
        async with gateway_process(data, llm_server_url=scripted.url) as (process, gateway), gateway.client() as client:
            if attempt == 1:
                session = (await client.create_session())["id"]
                async with raw_stream(client, session, on_disconnect="continue") as stream:
                    stream_id = await saved(data, stream, scripted, 2)
                    read = stream.events[-1][0]
                    process.kill()
                    await process.wait()
            else:
                await scripted.arrival(2)
                scripted.step(3)
                async for number, event in client.follow(stream_id, after=read):
                    read = max(read, number)
                    if isinstance(event, Chunk) and "time" in event.content:
                        break
                process.kill()  # before a checkpoint, perhaps
                await process.wait()
    scripted.reply = lambda body: Reply(PIECES, fault="cut", after=6) if len(scripted.requests) == 2 else Reply(PIECES)
    async with gateway_process(data, llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        rest = [numbered async for numbered in client.follow(stream_id, after=read)]
        message = await stored(client, session)
    assert rest[0][0] > read
    assert isinstance(rest[0][1], Metadata)
    assert fold([event for _, event in rest]).text == message["content"] == WHOLE
    assert message["status"] == "complete"
    assert [healed["reason"] for healed in message["metadata"]["healed"]][-1] == "interrupted"


@pytest.mark.parametrize(
    ("options", "settings", "why"),
    [
        ({"on_disconnect": "cancel"}, {}, " is kept."),
        ({"on_disconnect": "continue"}, {"lam_healing": False}, " is kept."),
        ({"on_disconnect": "continue"}, {"lam_heal_seconds": 0}, " seconds, no gateway could go on with it."),
    ],
)
async def test_a_reply_that_nobody_wants_or_that_is_too_old_is_interrupted(
    options: dict[str, Any], settings: dict[str, Any], why: str, scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    data = tmp_path / "data"
    async with gateway_process(data, llm_server_url=scripted.url) as (process, gateway), gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session, **options) as stream:
            stream_id = await saved(data, stream, scripted, 3)
            process.kill()
            await process.wait()
    async with gateway_process(data, llm_server_url=scripted.url, **settings) as (_, gateway), gateway.client() as client:
        message = await stored(client, session)
        events = [event async for _, event in client.follow(stream_id)]
    assert (message["status"], message["content"]) == ("interrupted", "Once upon\na ")
    assert isinstance(end := events[-1], Error)
    assert end.message.startswith("The gateway stopped in the middle of the reply; what had been saved is kept.")
    assert end.message.endswith(why)
    assert message["error"]["message"] == end.message
    assert len(scripted.requests) == 1
