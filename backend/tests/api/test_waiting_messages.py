"""A message that is written while a reply runs is sent after it, exactly once."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lam.client.client import Client
from lam.errors import Invalid, NotFound, RequestIdReused, SessionBusy, TooManyStreams, TooManyWaiting
from lam.gateway import Bounds
from lam.protocol.events import Metadata
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, RawStream, collect, gateway_process, raw_stream, running_gateway
from ..waiting import until
from .test_events import events

HELD = Reply(("An", " answer"), hold=True)
ROUNDS = 8


class Session:
    """A session with what a test asks of it."""

    def __init__(self, client: Client, session_id: int) -> None:
        self.client = client
        self.id = session_id
        self.path = f"/api/chatbot/sessions/{session_id}"

    async def add(self, content: str, **fields: Any) -> dict[str, Any]:
        added: dict[str, Any] = await self.client.call("POST", f"{self.path}/waiting", {"content": content} | fields)
        return added

    async def waiting(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = await self.client.call("GET", f"{self.path}/waiting")
        return listed

    async def contents(self) -> list[str]:
        return [message["content"] for message in await self.waiting()]

    async def turns(self) -> list[str]:
        messages = await self.client.call("GET", f"{self.path}/messages")
        return [message["content"] for message in messages if message["role"] == "user"]

    async def replies(self) -> list[str]:
        messages = await self.client.call("GET", f"{self.path}/messages")
        return [message["status"] for message in messages if message["role"] == "assistant"]

    async def one(self, waiting_id: int, method: str, body: Any = None, *, then: str = "") -> Any:
        return await self.client.call(method, f"{self.path}/waiting/{waiting_id}{then}", body)


@contextlib.asynccontextmanager
async def running(gateway: Gateway, content: str = "One", **options: Any) -> AsyncIterator[tuple[Session, RawStream, str]]:
    """A session whose reply has begun, and the reply's stream."""
    async with gateway.client() as client:
        session = Session(client, (await client.create_session())["id"])
        async with raw_stream(client, session.id, content, **options) as stream:
            first = await stream.until(Metadata)
            assert isinstance(first, Metadata)
            yield session, stream, first.stream_id or ""


async def test_it_is_sent_when_the_reply_is_complete(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = HELD
    async with running(gateway) as (session, stream, _):
        added = await session.add("Two")
        assert (added["stream_id"], added["waiting"]["held"], added["waiting"]["editing"]) == (None, None, False)
        assert [message["id"] for message in await session.waiting()] == [added["waiting"]["id"]]
        assert await session.turns() == ["One"]
        scripted.reply = Reply()
        scripted.step(2)
        await stream.rest()
        await until(lambda: len(scripted.requests) == 2)
        assert await session.waiting() == []
        assert [turn["content"] for turn in scripted.requests[-1].body["messages"]] == ["One", "An answer", "Two"]
        await until(lambda: _are(session.replies(), ["complete", "complete"]))


async def _are(question: Any, answer: Any) -> bool:
    return bool(await question == answer)


async def test_several_are_sent_one_after_the_other_in_their_order(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = HELD
    async with running(gateway) as (session, _, _):
        for number in range(2, 6):
            await session.add(f"Turn {number}")
        scripted.reply = Reply(("So be it",))
        scripted.step(2)
        await until(lambda: _are(session.replies(), ["complete"] * 5))
        assert await session.turns() == ["One", "Turn 2", "Turn 3", "Turn 4", "Turn 5"]


async def test_a_send_while_a_reply_runs_is_refused_as_before(impatient: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = HELD
    async with running(impatient, on_disconnect="continue") as (session, _, stream_id):
        await session.add("Two")
        with pytest.raises(SessionBusy) as refusal:
            await collect(session.client, session.id, "Three")
        assert refusal.value.stream_id == stream_id
        assert await session.contents() == ["Two"]


async def test_where_no_reply_runs_it_is_sent_at_once(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = Session(client, (await client.create_session())["id"])
        await session.add("One")
        await until(lambda: _are(session.replies(), ["complete"]))
        assert (await session.turns(), await session.waiting()) == (["One"], [])


async def test_documents_wait_with_their_text(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = HELD
    document = {"name": "report.txt", "text": "Sales grew"}
    async with running(gateway) as (session, _, _):
        added = (await session.add("", documents=[document]))["waiting"]
        assert added["parts"] == [{"type": "document", **document}]
        changed = await session.one(added["id"], "PATCH", {"content": "Sum it up"})
        assert changed["parts"] == [{"type": "document", **document}, {"type": "text", "text": "Sum it up"}]
        scripted.step(2)
        await until(lambda: len(scripted.requests) == 2)
        messages = await session.client.call("GET", f"{session.path}/messages")
        assert messages[2]["parts"] == changed["parts"]
        assert messages[2]["content"] == changed["content"]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(("Half",), hold=True, fault="cut", after=1), "interrupted"),
        (Reply(fault="server_error", hold=True), "failed"),
    ],
)
async def test_after_an_error_it_is_held_until_it_is_sent_by_hand(
    reply: Reply, reason: str, gateway: Gateway, scripted: ScriptedServer
) -> None:
    scripted.reply = reply
    async with running(gateway) as (session, stream, _):
        waiting = (await session.add("Two"))["waiting"]
        later = (await session.add("Three"))["waiting"]
        scripted.step()
        await stream.rest()
        await until(lambda: _are(session.replies(), [reason]))
        assert [message["held"]["reason"] for message in await session.waiting()] == [reason, reason]
        new = (await session.add("Four"))["waiting"]
        assert new["held"]["reason"] == reason, "it does not overtake"
        scripted.reply = Reply()
        started = await session.one(waiting["id"], "POST", then="/send")
        assert started["stream_id"]
        await until(lambda: _are(session.replies(), [reason, *["complete"] * 3]))
        assert await session.turns() == ["One", "Two", "Three", "Four"], f"{later} follows"


async def test_after_a_stop_it_is_held(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = HELD
    async with running(gateway) as (session, stream, stream_id):
        waiting = (await session.add("Two"))["waiting"]
        await session.client.stop(stream_id)
        await stream.rest()
        assert (await session.waiting())[0]["held"] == {"reason": "cancelled", "message": None}
        assert (await session.one(waiting["id"], "DELETE"))["content"] == "Two"
        assert (await session.waiting(), await session.turns()) == ([], ["One"])


async def test_what_is_held_follows_the_next_complete_reply(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = HELD
    async with running(gateway) as (session, _, stream_id):
        await session.add("Later")
        await session.client.stop(stream_id)
        scripted.reply = Reply()
        await collect(session.client, session.id, "Sooner")
        await until(lambda: _are(session.replies(), ["cancelled", "complete", "complete"]))
        assert await session.turns() == ["One", "Sooner", "Later"]


async def test_it_is_not_sent_while_somebody_changes_it(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = HELD
    async with running(gateway) as (session, stream, _):
        waiting = (await session.add("Tow"))["waiting"]
        await session.add("Three")
        await session.one(waiting["id"], "PATCH", {"editing": True})
        scripted.reply = Reply()
        scripted.step(2)
        await stream.rest()
        await until(lambda: _are(session.replies(), ["complete"]))
        assert await session.contents() == ["Tow", "Three"]
        await session.one(waiting["id"], "PATCH", {"content": "Two", "editing": False})
        await until(lambda: _are(session.replies(), ["complete"] * 3))
        assert await session.turns() == ["One", "Two", "Three"]


async def test_without_the_one_that_is_changed_the_next_has_its_turn(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = HELD
    async with running(gateway) as (session, stream, _):
        waiting = (await session.add("Two"))["waiting"]
        await session.add("Three")
        await session.one(waiting["id"], "PATCH", {"editing": True})
        scripted.reply = Reply()
        scripted.step(2)
        await stream.rest()
        assert (await session.one(waiting["id"], "DELETE"))["content"] == "Two"
        await until(lambda: _are(session.turns(), ["One", "Three"]))


async def test_an_empty_message_does_not_wait(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = HELD
    async with running(gateway) as (session, _, _):
        with pytest.raises(Invalid):
            await session.add("  ")
        waiting = (await session.add("Two"))["waiting"]
        with pytest.raises(Invalid):
            await session.one(waiting["id"], "PATCH", {"content": " "})
        with pytest.raises(Invalid):
            await session.add("x" * 60_000, documents=[{"name": "a", "text": "x" * 60_000}])
        assert await session.contents() == ["Two"]


async def test_at_most_ten_wait(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = HELD
    async with running(gateway) as (session, _, _):
        results = await asyncio.gather(*(session.add(str(number)) for number in range(14)), return_exceptions=True)
        refused = [result for result in results if isinstance(result, BaseException)]
        assert [type(error) for error in refused] == [TooManyWaiting] * 4
        assert len(await session.waiting()) == 10


async def test_a_repeated_request_adds_nothing(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = HELD
    async with running(gateway) as (session, stream, _):
        results = await asyncio.gather(*(session.add("Two", client_request_id="a") for _ in range(4)))
        assert len({result["waiting"]["id"] for result in results}) == 1
        scripted.reply = Reply()
        scripted.step(2)
        await stream.rest()
        await until(lambda: _are(session.replies(), ["complete", "complete"]))
        again = await session.add("Two", client_request_id="a")
        messages = await session.client.call("GET", f"{session.path}/messages")
        assert (again["waiting"], again["stream_id"]) == (None, messages[-1]["stream_id"])
        assert messages[2]["request_id"] == "a"
        other = Session(session.client, (await session.client.create_session())["id"])
        with pytest.raises(RequestIdReused):
            await other.add("Two", client_request_id="a")


async def test_tabs_that_race_send_it_once(gateway: Gateway, scripted: ScriptedServer) -> None:
    """It becomes due, is sent by hand from three tabs, and the same text is added again under its name: all in one moment."""
    for number in range(ROUNDS):
        scripted.reply = HELD
        async with running(gateway) as (session, stream, _):
            waiting = (await session.add("Two", client_request_id=f"two-{number}"))["waiting"]
            scripted.reply = Reply()
            scripted.step(2)
            if number % 2:
                await stream.rest()
            tabs = (session.one(waiting["id"], "POST", then="/send") for _ in range(3))
            results = await asyncio.gather(*tabs, session.add("Two", client_request_id=f"two-{number}"), return_exceptions=True)
            unexpected = [one for one in results if isinstance(one, BaseException) and not isinstance(one, SessionBusy | NotFound)]
            assert unexpected == []
            await until(lambda: _are(session.replies(), ["complete", "complete"]))
            assert (await session.turns(), await session.waiting()) == (["One", "Two"], [])


async def test_a_message_that_is_taken_back_as_it_becomes_due_is_in_one_place(gateway: Gateway, scripted: ScriptedServer) -> None:
    for number in range(ROUNDS):
        scripted.reply = HELD
        async with running(gateway) as (session, stream, _):
            waiting = (await session.add("Two"))["waiting"]
            scripted.reply = Reply()
            scripted.step(2)
            if number % 2:
                await stream.rest()
            try:
                back = (await session.one(waiting["id"], "DELETE"))["content"]
            except NotFound:
                back = None
            await until(lambda: _is_idle(session))
            assert await session.turns() == (["One"] if back else ["One", "Two"])
            assert await session.waiting() == []


async def _is_idle(session: Session) -> bool:
    return "streaming" not in await session.replies()


async def test_it_waits_for_its_owner_s_limit(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = HELD
    bounds = Bounds(waiting_pause=3600)
    settings = {"lam_max_streams_per_user": 1, "llm_server_url": scripted.url}
    async with running_gateway(tmp_path / "data", bounds=bounds, **settings) as gateway:
        async with running(gateway) as (first, stream, _):
            session = Session(first.client, (await first.client.create_session())["id"])
            await session.add("Two")
            with pytest.raises(TooManyStreams):
                await session.one((await session.waiting())[0]["id"], "POST", then="/send")
            scripted.reply = Reply()
            scripted.step(2)
            await stream.rest()
            await until(lambda: _are(session.replies(), ["complete"]))


async def test_a_message_that_cannot_be_sent_is_held_with_the_reason(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = HELD
    async with running(gateway) as (session, stream, _):
        waiting = (await session.add("Two", client_request_id="a"))["waiting"]
        other = (await session.client.create_session())["id"]
        async with raw_stream(session.client, other, "Hello", client_request_id="a") as second:
            await second.until(Metadata)
            await session.add("Three")
            scripted.reply = Reply()
            scripted.step(4)
            await stream.rest()
            await second.rest()
        await until(lambda: _are(_held(session), [{"reason": "refused", "message": RequestIdReused.summary}, None]))
        await session.one(waiting["id"], "DELETE")
        await until(lambda: _are(session.turns(), ["One", "Three"]))


async def _held(session: Session) -> list[Any]:
    return [message["held"] for message in await session.waiting()]


async def test_it_goes_to_the_end_of_the_branch_in_sight(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = Session(client, (await client.create_session())["id"])
        await collect(client, session.id, "One")
        (_, first) = await client.call("GET", f"{session.path}/messages")
        scripted.reply = HELD
        async with raw_stream(client, session.id, None, regenerate=True) as stream:
            await stream.until(Metadata)
            await session.add("Two")
            await client.call("PATCH", session.path, {"active_message_id": first["id"]})
            scripted.reply = Reply()
            scripted.step(2)
            await stream.rest()
        await until(lambda: _are(session.turns(), ["One", "Two"]))
        messages = await client.call("GET", f"{session.path}/messages")
        assert messages[2]["parent_id"] == first["id"]


@pytest.mark.parametrize("end", ["reset", "delete"])
async def test_what_waits_goes_with_its_session(end: str, gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = HELD
    async with running(gateway) as (session, stream, _):
        await scripted.arrival()
        await session.add("Two")
        if end == "reset":
            await session.client.call("POST", f"{session.path}/reset")
            assert await session.waiting() == []
        else:
            await session.client.call("DELETE", session.path)
            with pytest.raises(NotFound):
                await session.waiting()
        await stream.rest()
    assert len(scripted.requests) == 1


async def test_it_never_ends_a_reply_that_nobody_reads(gateway: Gateway, scripted: ScriptedServer) -> None:
    """A send does, if the reply was started with `cancel`."""
    scripted.reply = HELD
    async with gateway.client() as client:
        session = Session(client, (await client.create_session())["id"])
        async with raw_stream(client, session.id) as stream:
            await stream.until(Metadata)
        waiting = (await session.add("Two"))["waiting"]
        with pytest.raises(SessionBusy):
            await session.one(waiting["id"], "POST", then="/send")
        assert await session.replies() == ["streaming"]


async def test_an_open_page_hears_of_it(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = HELD
    async with running(gateway) as (session, _, _), events(session.client, f"?session={session.id}") as frames:
        await frames.next("session", "followed")
        waiting = (await session.add("Two"))["waiting"]
        await frames.next("session", "messages")
        await session.one(waiting["id"], "PATCH", {"editing": True})
        await frames.next("session", "messages")
        await session.one(waiting["id"], "DELETE")
        await frames.next("session", "messages")


async def test_a_file_of_the_session_is_without_it(gateway: Gateway, scripted: ScriptedServer) -> None:
    """It was never said; and a file that is read in again must not send anything."""
    scripted.reply = HELD
    async with running(gateway) as (session, _, _):
        await session.add("Purple elephants")
        for form in ("json", "markdown"):
            async with session.client._http.get(f"{gateway.url}{session.path}/export?format={form}") as answer:
                assert answer.status == 200
                assert "elephants" not in await answer.text()


async def test_one_that_was_due_is_sent_after_a_restart(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with gateway_process(tmp_path / "data", llm_server_url=scripted.url) as (process, gateway), gateway.client() as client:
        session = Session(client, (await client.create_session())["id"])
        await collect(client, session.id, "One")
        scripted.reply = HELD
        async with raw_stream(client, session.id, "Two") as stream:
            await stream.until(Metadata)
            await session.add("Three")
            process.kill()
            await process.wait()
    scripted.reply = Reply()
    async with gateway_process(tmp_path / "data", llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        session = Session(client, session.id)
        (waiting,) = await session.waiting()
        assert (waiting["content"], waiting["held"]["reason"]) == ("Three", "interrupted")
        await session.one(waiting["id"], "POST", then="/send")
        await until(lambda: _are(session.turns(), ["One", "Two", "Three"]))


@pytest.mark.timeout(300)
async def test_a_gateway_that_is_killed_as_it_sends_sends_it_once(scripted: ScriptedServer, tmp_path: Path) -> None:
    session_ids: list[int] = []
    scripted.reply = Reply(("An", " answer"))
    for number in range(ROUNDS):
        async with (
            gateway_process(tmp_path / "data", llm_server_url=scripted.url) as (process, gateway),
            gateway.client() as client,
        ):
            session = Session(client, (await client.create_session())["id"])
            session_ids.append(session.id)
            for turn in range(4):
                await session.add(f"Turn {turn}", client_request_id=f"{number}-{turn}")
            await asyncio.sleep(random.uniform(0, 0.05))  # Time itself: the moment is what is random here
            process.kill()
            await process.wait()
    async with gateway_process(tmp_path / "data", llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        for session_id in session_ids:
            session = Session(client, session_id)
            await until(lambda session=session: _has_come_to_rest(session))
            turns, waiting = await session.turns(), await session.contents()
            assert turns + waiting == [f"Turn {turn}" for turn in range(4)]


async def _has_come_to_rest(session: Session) -> bool:
    waiting = await session.waiting()
    return await _is_idle(session) and (not waiting or all(message["held"] for message in waiting))
