"""The tree of messages: edited turns, other replies, continued replies, and which branch is shown."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lam.client.client import Client
from lam.errors import Invalid, LamError, NotSupported
from lam.protocol.events import Chunk, Done, Error, Event, Metadata, Thinking
from lam.protocol.snapshot import Snapshot
from lam.testing.server import Reply, ScriptedServer

from ..checkpoints import until_stored
from ..running import Gateway, collect, gateway_process, raw_stream, running_gateway


async def listed(client: Client, session: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
    return found


def told(scripted: ScriptedServer) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"]) for turn in scripted.requests[-1].body["messages"]]


def folded(events: list[Event]) -> Snapshot:
    snapshot = Snapshot()
    for event in events:
        snapshot.add(event)
    return snapshot


async def stopped_reply(client: Client, scripted: ScriptedServer, session: int, pieces: int = 3) -> dict[str, Any]:
    """A reply of which that many pieces came before it was stopped."""
    scripted.reply = Reply(("One ", "two ", "three ", "four "), hold=True)
    async with raw_stream(client, session, "Count") as stream:
        first = await stream.until(Metadata)
        assert isinstance(first, Metadata)
        scripted.step(pieces)
        while sum(isinstance(event, Chunk) for _, event in stream.events) < pieces:
            assert await stream.read()
        await client.stop(first.stream_id or "")
        await stream.rest()
    return (await listed(client, session))[-1]


async def test_three_regenerations_give_four_siblings(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        await collect(client, session, "Tell me")
        first = (await listed(client, session))[-1]
        for number in range(3):
            scripted.reply = Reply((f"Version {number + 2}",))
            events = await collect(client, session, None, regenerate=first["id"] if number else True)
            assert isinstance(events[0], Metadata)
            assert events[0].user_message_id == first["parent_id"]
            assert told(scripted) == [("user", "Tell me")]
        asked, reply = await listed(client, session)
        assert asked["siblings"] == [asked["id"]]
        assert reply["siblings"] == sorted(reply["siblings"])
        assert len(reply["siblings"]) == 4
        assert (reply["content"], reply["id"]) == ("Version 4", reply["siblings"][-1])
        assert (await client.call("GET", f"/api/chatbot/sessions/{session}"))["message_count"] == 5


async def test_switching_the_branch_changes_what_the_model_sees_next(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        path = f"/api/chatbot/sessions/{session}"
        scripted.reply = Reply(("First",))
        await collect(client, session, "Tell me")
        await collect(client, session, "More")
        old = await listed(client, session)
        scripted.reply = Reply(("Second",))
        await collect(client, session, None, regenerate=old[1]["id"])
        assert [message["content"] for message in await listed(client, session)] == ["Tell me", "Second"]
        changed = await client.call("PATCH", path, {"active_message_id": old[1]["id"]})
        assert changed["active_message_id"] == old[3]["id"], "a branch is shown to its end"
        assert [message["id"] for message in await listed(client, session)] == [message["id"] for message in old]
        await collect(client, session, "And on")
        assert told(scripted) == [
            *(("user", "Tell me"), ("assistant", "First"), ("user", "More"), ("assistant", "First")),
            ("user", "And on"),
        ]
        await client.call("PATCH", path, {"active_message_id": (await listed(client, session))[1]["siblings"][1]})
        await collect(client, session, "And on")
        assert told(scripted) == [("user", "Tell me"), ("assistant", "Second"), ("user", "And on")]


async def test_an_edited_turn_begins_a_branch_of_its_own(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        for turn in ("One", "Two"):
            await collect(client, session, turn)
        old = await listed(client, session)
        await collect(client, session, "Two, but better", parent_id=old[2]["parent_id"])
        assert told(scripted) == [("user", "One"), ("assistant", "Once upon a time"), ("user", "Two, but better")]
        now = await listed(client, session)
        assert now[2]["siblings"] == [old[2]["id"], now[2]["id"]]
        await collect(client, session, "One, but better", parent_id=0)
        assert told(scripted) == [("user", "One, but better")]
        now = await listed(client, session)
        assert now[0]["siblings"] == [old[0]["id"], now[0]["id"]]
        assert len(now) == 2
        older = await client.call("GET", f"/api/chatbot/sessions/{session}/messages", before=old[3]["id"])
        assert [message["id"] for message in older] == [message["id"] for message in old[:3]]


async def test_a_stopped_reply_goes_on_exactly_where_its_text_ended(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        stopped = await stopped_reply(client, scripted, session)
        assert (stopped["status"], stopped["content"]) == ("cancelled", "One two three ")
        scripted.reply = Reply(("four ", "five <think>"), progress=1)
        events = await collect(client, session, None, **{"continue": True})
        assert told(scripted) == [("user", "Count"), ("assistant", "One two three ")]
        metadata, first, end = events[0], events[1], events[-1]
        assert isinstance(metadata, Metadata)
        assert isinstance(end, Done)
        assert (metadata.continues, first) == (len("One two three "), Chunk("One two three "))
        whole = "One two three four five <think>"
        assert (end.full_content, folded(events[:-1]).text) == (whole, whole)
        assert end.usage is not None
        assert end.usage.completion_tokens == 2, "usage counts the new part"
        asked, reply = await listed(client, session)
        assert (reply["content"], reply["status"], reply["siblings"]) == (whole, "complete", [reply["id"]])
        assert reply["parent_id"] == asked["id"]
        replay = [event async for _, event in client.follow(metadata.stream_id or "")]
        assert replay == events
        gateway.parts.streams._shelf.clear()  # as five minutes later
        rebuilt = [event async for _, event in client.follow(metadata.stream_id or "")]
        assert isinstance(rebuilt[0], Metadata)
        assert (rebuilt[0].rebuilt, rebuilt[0].continues, rebuilt[1]) == (True, metadata.continues, first)
        assert folded(rebuilt[:-1]).text == whole
        old = [event async for _, event in client.follow(stopped["stream_id"])]
        assert folded(old).text == "One two three ", "the stopped stream stays what it was"


async def test_a_continued_reply_can_be_stopped_and_continued_again(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        await stopped_reply(client, scripted, session, 1)
        scripted.reply = Reply(("\N{GRINNING FACE} ", "three "), hold=True)
        async with raw_stream(client, session, None, **{"continue": True}) as stream:
            first = await stream.until(Metadata)
            assert isinstance(first, Metadata)
            scripted.step()
            while sum(isinstance(event, Chunk) for _, event in stream.events) < 2:
                assert await stream.read()
            await client.stop(first.stream_id or "", shown_chars=6)
            await stream.rest()
        reply = (await listed(client, session))[-1]
        assert (reply["content"], reply["status"]) == ("One \N{GRINNING FACE}", "cancelled")
        scripted.reply = Reply((" and so on",))
        events = await collect(client, session, None, **{"continue": reply["id"]})
        assert isinstance(events[0], Metadata)
        assert events[0].continues == 6, "UTF-16 code units, as JavaScript counts"
        assert folded(events).text == "One \N{GRINNING FACE} and so on"
        assert len(await listed(client, session)) == 2


async def test_what_was_thought_stays_with_a_continued_reply(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        scripted.reply = Reply(("One ",), thinking=("hm",), fault="cut", after=2)
        await collect(client, session)
        scripted.reply = Reply(("two",))
        events = await collect(client, session, None, **{"continue": True})
        assert events[1:3] == [Thinking("hm"), Chunk("One ")]
        reply = (await listed(client, session))[-1]
    assert (reply["thinking"], reply["content"], reply["status"]) == ("hm", "One two", "complete")


async def test_a_reply_cut_by_its_length_can_be_continued_and_a_complete_one_cannot(
    gateway: Gateway, scripted: ScriptedServer
) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        scripted.reply = Reply(("One ",), finish_reason="length")
        await collect(client, session)
        scripted.reply = Reply(("two",))
        assert folded(await collect(client, session, None, **{"continue": True})).text == "One two"
        with pytest.raises(Invalid, match="is complete"):
            await collect(client, session, None, **{"continue": True})
        scripted.reply = Reply(fault="server_error")
        await collect(client, session)
        with pytest.raises(Invalid, match="no text yet"):
            await collect(client, session, None, **{"continue": True})


@pytest.mark.sse
@pytest.mark.parametrize("llama", [True, False])
async def test_a_server_that_cannot_continue_says_so_before_anything_is_changed(
    llama: bool, gateway: Gateway, scripted: ScriptedServer, tmp_path: Path
) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        await stopped_reply(client, scripted, session)
        before = await listed(client, session)
        scripted.prefills, scripted.llama = False, llama
        if not llama:
            await gateway.parts.catalog.engines["default"]._probe.ask()  # type: ignore[attr-defined]  # at once, not in 30 s
        with pytest.raises(NotSupported):
            await collect(client, session, None, **{"continue": True})
        assert await listed(client, session) == before
        scripted.reply = Reply(("Anew",))
        assert folded(await collect(client, session, None, regenerate=True)).text == "Anew"


async def test_a_failure_in_a_continued_reply_keeps_all_text(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        await stopped_reply(client, scripted, session)
        scripted.reply = Reply(("four ",), fault="error_data", after=1)
        events = await collect(client, session, None, **{"continue": True})
        assert isinstance(events[-1], Error)
        assert (await listed(client, session))[-1]["content"] == "One two three four "


async def test_a_gateway_killed_in_a_continued_reply_keeps_all_text(scripted: ScriptedServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with gateway_process(data, llm_server_url=scripted.url) as (process, gateway), gateway.client() as client:
        session = (await client.create_session())["id"]
        await stopped_reply(client, scripted, session)
        scripted.reply = Reply(("four ",) * 1000, rate=50)
        async with raw_stream(client, session, None, **{"continue": True}) as stream:
            metadata = await stream.until(Metadata)
            assert isinstance(metadata, Metadata)
            await until_stored(data, metadata.stream_id or "", lambda stored: "four four " in stored.text)
            process.kill()
            await process.wait()
    async with running_gateway(data, llm_server_url=scripted.url) as gateway, gateway.client() as client:
        reply = (await listed(client, session))[-1]
        rebuilt = [event async for _, event in client.follow(reply["stream_id"])]
    assert reply["status"] == "interrupted"
    assert reply["content"].startswith("One two three four four ")
    assert isinstance(rebuilt[0], Metadata)
    assert rebuilt[0].continues == len("One two three ")
    assert folded(rebuilt).text == reply["content"]


async def test_the_same_request_id_means_the_same_aim(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        await collect(client, session)
        first = await collect(client, session, None, regenerate=True, client_request_id="a")
        assert await collect(client, session, None, regenerate=True, client_request_id="a") == first
        assert len(scripted.requests) == 2
        with pytest.raises(Invalid, match="client_request_id"):
            await collect(client, session, "Hello", client_request_id="a")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"content": None}, "required"),
        ({"content": None, "regenerate": False}, "required"),
        ({"regenerate": True}, "takes no content"),
        ({"content": None, "regenerate": True, "parent_id": 2}, "takes no content"),
        ({"content": None, "regenerate": True, "continue": True}, "exclude"),
        ({"content": None, "regenerate": 1}, "is not a reply"),
        ({"content": None, "continue": 1}, "is not a reply"),
        ({"content": None, "regenerate": 99}, "not in this session"),
        ({"parent_id": 1}, "is not a reply"),
        ({"parent_id": 99}, "not in this session"),
        ({"parent_id": 4}, "not in this session"),
    ],
)
async def test_an_aim_that_misses_is_a_clear_error_and_nothing_is_stored(
    body: dict[str, Any], words: str, gateway: Gateway, scripted: ScriptedServer
) -> None:
    async with gateway.client() as client:
        session, other = [(await client.create_session())["id"] for _ in range(2)]
        await collect(client, session)
        await collect(client, other)
        before = await listed(client, session)
        with pytest.raises(Invalid, match=words):
            await client.call("POST", "/api/chatbot/messages", {"session_id": session, "content": "Hi"} | body)
        with pytest.raises(Invalid, match="not in this session"):
            await client.call("PATCH", f"/api/chatbot/sessions/{session}", {"active_message_id": 3})
        assert await listed(client, session) == before
        assert len(scripted.requests) == 2


async def test_an_aim_in_an_empty_session_is_a_clear_error(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        for aim in ("regenerate", "continue"):
            with pytest.raises(Invalid, match="no reply yet"):
                await collect(client, session, None, **{aim: True})


async def test_a_running_reply_is_neither_continued_nor_regenerated(impatient: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("a", "b"), hold=True)
    async with impatient.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await stream.until(Metadata)
            for aim in ("regenerate", "continue"):
                with pytest.raises(LamError, match="still receiving"):
                    await collect(client, session, None, **{aim: True})
            scripted.step(2)
            await asyncio.wait_for(stream.rest(), 50)


async def test_the_whole_answer_of_a_regeneration_names_the_turn_that_stands(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        await collect(client, session, "Tell me")
        answer = await client.call("POST", "/api/chatbot/messages", {"session_id": session, "regenerate": True})
    assert answer["user_message"]["content"] == "Tell me"
    assert answer["assistant_message"]["siblings"] == [2, answer["assistant_message"]["id"]]
