"""Pictures that a model returns: in the stream, in the message, after a reload, and gone from kinds of run that show none."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins

from lam.errors import CannotSee
from lam.protocol.events import Chunk, Done, Image
from lam.protocol.snapshot import Snapshot
from lam.testing.server import Reply, ScriptedServer, pictures_in

from ..pictures import GREEN, RED, fetched, plain, uploaded
from ..running import Gateway, collect, running_gateway


def uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


async def replied(gateway: Gateway, reply: Reply, server: ScriptedServer) -> tuple[list[Any], dict[str, Any]]:
    server.reply = reply
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        events = await collect(client, session, "Draw a cat")
        messages = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
    return events, messages[-1]


async def test_a_picture_becomes_a_part_in_its_place(gateway: Gateway, scripted: ScriptedServer) -> None:
    events, stored = await replied(gateway, Reply(("Here: ", uri(plain()), "so.")), scripted)
    (image,) = (event for event in events if isinstance(event, Image))
    shape = [type(event) for event in events if isinstance(event, Chunk | Image)]
    assert shape == [Chunk, Image, Chunk]
    assert [part["type"] for part in stored["parts"]] == ["text", "image", "text"]
    assert stored["parts"][1] == {"type": "image", "id": image.media, "width": image.width, "height": image.height}
    assert stored["content"] == "Here: so."
    async with gateway.client() as client, await gateway.user("eve@example.org") as eve:
        assert (await fetched(client, image.media))[0] == 200
        assert (await fetched(eve, image.media))[0] == 404


async def test_a_reply_with_pictures_is_continued_and_gets_more(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("Here: ", uri(plain()), "so"), finish_reason="length")
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        await collect(client, session, "Draw a cat")
        scripted.reply = Reply((" and ", uri(plain(colour=GREEN)), "so"), finish_reason="length")
        await collect(client, session, None, **{"continue": True})
        scripted.reply = Reply((" on.",))
        await collect(client, session, None, **{"continue": True})
        stored = (await client.call("GET", f"/api/chatbot/sessions/{session}/messages"))[-1]
        assert stored["status"] == "complete"
        shapes = [part.get("text", part["type"]) for part in stored["parts"]]
        assert shapes == ["Here: ", "image", "so and ", "image", "so on."]
        images = [part["id"] for part in stored["parts"] if part["type"] == "image"]
        assert len(set(images)) == 2
        assert [(await fetched(client, image))[0] for image in images] == [200, 200]
        await client.call("DELETE", f"/api/chatbot/sessions/{session}")
        assert [(await fetched(client, image))[0] for image in images] == [404, 404]


async def test_a_picture_is_gone_with_its_reply(gateway: Gateway, scripted: ScriptedServer) -> None:
    events, stored = await replied(gateway, Reply((uri(plain()),)), scripted)
    (image,) = (event for event in events if isinstance(event, Image))
    async with gateway.client() as client:
        await client.call("DELETE", f"/api/chatbot/sessions/{stored['session_id']}")
        assert (await fetched(client, image.media))[0] == 404


async def test_what_is_no_picture_is_dropped_and_the_reply_says_so(gateway: Gateway, scripted: ScriptedServer) -> None:
    delta = {"images": [{"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}]}
    remote = json.dumps({"choices": [{"index": 0, "delta": delta}]})
    end = json.dumps({"choices": [{"index": 0, "delta": {"content": "!"}, "finish_reason": "stop"}]})
    events, stored = await replied(gateway, Reply(("A", uri(b"no picture")), raw=(remote, end)), scripted)
    assert not [event for event in events if isinstance(event, Image)]
    assert isinstance(events[-1], Done)
    assert events[-1].full_content == stored["content"] == "A!"
    assert stored["metadata"]["pictures_lost"] == 2


async def test_a_reply_that_shows_a_picture_is_rebuilt_with_it(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("See: ", uri(plain()), "."))
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
        live = await collect(client, (await client.create_session())["id"], "Draw")
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
        rebuilt = [event async for _, event in client.follow(live[0].stream_id or "")]
    assert rebuilt[0].rebuilt is True
    assert fold(rebuilt) == fold(live)
    assert [part["type"] for part in fold(live)] == ["text", "image", "text"]


def fold(events: list[Any]) -> Any:
    snapshot = Snapshot()
    for event in events:
        snapshot.add(event)
    return to_builtins(snapshot.parts)


async def test_the_next_turn_shows_the_model_what_it_has_drawn(tmp_path: Path) -> None:
    async with seeing_gateway(tmp_path) as (gateway, server), gateway.client() as client:
        server.reply = Reply((uri(plain()),))
        session = (await client.create_session())["id"]
        await collect(client, session, "Draw")
        await collect(client, session, "Make it darker")
        assert len(pictures_in(server.requests[-1].body)) == 1


async def test_pictures_of_a_message_reach_the_model_and_stay_in_the_conversation(tmp_path: Path) -> None:
    async with seeing_gateway(tmp_path) as (gateway, server), gateway.client() as client:
        (model,) = (await client.call("GET", "/api/models"))["models"]
        assert model["can"]["images"] is True
        session = (await client.create_session())["id"]
        media = [(await uploaded(client, plain(colour)))["id"] for colour in (RED, GREEN)]
        await collect(client, session, "Which colours?", images=media)
        first = pictures_in(server.requests[-1].body)
        await collect(client, session, "And now?")
        assert len(first) == 2
        assert pictures_in(server.requests[-1].body) == first


async def test_a_reply_says_which_pictures_its_model_did_not_get(tmp_path: Path) -> None:
    async with seeing_gateway(tmp_path, n_ctx=1400) as (gateway, server), gateway.client() as client:
        session = (await client.create_session(max_tokens=64))["id"]
        media = [(await uploaded(client, plain(colour, (800, 800))))["id"] for colour in (RED, GREEN)]  # 841 tokens each
        server.reply = Reply(("Red",), prompt_tokens=860)
        for one in media:
            await collect(client, session, "Which colour?", images=[one])
        stored = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
        assert stored[-1]["metadata"]["pictures_left_out"] == media[:1]
        assert len(pictures_in(server.requests[-1].body)) == 1


@asynccontextmanager
async def seeing_gateway(folder: Path, **server: Any) -> AsyncIterator[tuple[Gateway, ScriptedServer]]:
    async with ScriptedServer(**server) as scripted:
        scripted.sees = True
        async with running_gateway(folder / "data", llm_server_url=scripted.url) as gateway:
            async with gateway.client() as client:
                while not (await client.call("GET", "/api/models"))["models"][0]["can"]["images"]:
                    await asyncio.sleep(0.01)
            yield gateway, scripted


async def test_a_text_only_model_refuses_before_anything_is_stored(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        media = (await uploaded(client, plain()))["id"]
        with pytest.raises(CannotSee, match=r"^scripted cannot see pictures; no model here can\.$"):
            await collect(client, session, "What is this?", images=[media])
        assert await client.call("GET", f"/api/chatbot/sessions/{session}/messages") == []
    assert scripted.requests == []
