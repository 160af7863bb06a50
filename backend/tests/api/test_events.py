"""One connection for the session list, the sessions in sight and the runs that are followed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from lam.api.event_connection import MOST_PER_USER
from lam.client.client import Client
from lam.errors import LamError, NotFound
from lam.protocol.events import Metadata
from lam.protocol.sse import Decoder
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, gateway_process, raw_stream, running_gateway
from ..waiting import until

Frame = dict[str, Any]


class Frames:
    """An open event connection."""

    def __init__(self, client: Client, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.all: list[Frame] = []
        self.cursor = ""
        self._client = client
        self._decoder = Decoder(limit=1 << 28)
        self._used = 0

    async def next(self, stream: str, kind: str) -> Frame:
        """The next frame of that stream and type that was not given yet; what comes before it is passed over."""
        async with asyncio.timeout(60):
            while True:
                while self._used < len(self.all):
                    frame = self.all[self._used]
                    self._used += 1
                    if frame["stream"] == stream and frame["event"]["type"] == kind:
                        return frame
                assert await self.read(), f"the connection ended without {stream} {kind}"

    async def read(self) -> bool:
        piece = await self.response.content.readany()
        for arrived in self._decoder.feed(piece):
            self.cursor = arrived.id.decode()
            self.all.append(msgspec.json.decode(arrived.data))
        return bool(piece)

    async def follow(self, session: list[int] | None = None, run: list[str] | None = None) -> None:
        opened = self.all[0]["event"]["id"]
        await self._client.call("POST", f"/api/events/{opened}", {"session": session or [], "run": run or []})

    def text(self, stream: str) -> str:
        """What a reader that drops what it has already makes of a run's frames."""
        last, text = 0, ""
        for frame in self.all:
            if frame["stream"] == stream and frame["n"] > last:
                last = frame["n"]
                text += frame["event"]["content"] if frame["event"]["type"] == "chunk" else ""
        return text


@contextlib.asynccontextmanager
async def events(client: Client, query: str = "", cursor: str | None = None) -> AsyncIterator[Frames]:
    headers = {"Authorization": client._headers["Authorization"]} | ({"Last-Event-ID": cursor} if cursor is not None else {})
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=None)) as http:
        async with http.get(f"{client.url}/api/events{query}") as response:
            assert response.status == 200, await response.text()
            frames = Frames(client, response)
            assert await frames.read()
            yield frames


async def status(client: Client, query: str = "") -> int:
    async with aiohttp.ClientSession(headers=client._headers) as http, http.get(f"{client.url}/api/events{query}") as response:
        return response.status


async def new(client: Client) -> int:
    return int((await client.create_session())["id"])


async def start_run(client: Client, session: int, **options: Any) -> str:
    """Starts a run that nobody reads. Returns its stream."""
    async with raw_stream(client, session, on_disconnect="continue", **options) as stream:
        first = await stream.until(Metadata)
        assert isinstance(first, Metadata)
        assert first.stream_id is not None
        return first.stream_id


async def test_the_headers_are_those_of_every_stream_and_the_first_frame_names_the_connection(gateway: Gateway) -> None:
    async with gateway.client() as client, events(client) as frames:
        assert frames.response.headers["Content-Type"] == "text/event-stream"
        assert frames.response.headers["Cache-Control"] == "no-cache, no-transform"
        assert frames.response.headers["X-Accel-Buffering"] == "no"
        first = await frames.next("connection", "open")
        assert first["n"] == 0
        assert frames.cursor.count("-") == 1


async def test_the_list_tells_of_sessions_that_are_made_renamed_read_and_deleted(gateway: Gateway) -> None:
    async with gateway.client() as client, events(client) as frames:
        session = await new(client)
        made = (await frames.next("sessions", "session"))["event"]["session"]
        assert made == (await client.call("GET", "/api/chatbot/sessions"))[0]
        await client.call("PATCH", f"/api/chatbot/sessions/{session}", {"title": "Herons"})
        assert (await frames.next("sessions", "session"))["event"]["session"]["title"] == "Herons"
        await client.call("POST", f"/api/chatbot/sessions/{session}/reset")
        assert (await frames.next("sessions", "session"))["event"]["session"]["session_key"] != made["session_key"]
        await client.call("DELETE", f"/api/chatbot/sessions/{session}")
        assert (await frames.next("sessions", "deleted"))["event"] == {"type": "deleted", "session_id": session}


async def test_an_imported_session_and_a_title_that_the_model_gives_are_told(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_titles=True) as gateway,
        gateway.client() as client,
    ):
        async with events(client) as frames:
            session = await new(client)
            await start_run(client, session)
            ended = (await frames.next("sessions", "session"))["event"]["session"]
            while ended["running"] or ended["title"] == "Hello":
                ended = (await frames.next("sessions", "session"))["event"]["session"]
            exported = await client.call("GET", f"/api/chatbot/sessions/{session}/export")
            await client.call("POST", "/api/chatbot/sessions/import", exported)
            imported = (await frames.next("sessions", "session"))["event"]["session"]
            while imported["id"] == session:
                imported = (await frames.next("sessions", "session"))["event"]["session"]
            assert imported["message_count"] == 2


async def test_the_marks_of_a_session_change_when_its_reply_begins_ends_and_is_read(
    gateway: Gateway, scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(("a",), hold=True)
    async with gateway.client() as client, events(client) as frames:
        session = await new(client)
        await start_run(client, session)
        while not (listed := (await frames.next("sessions", "session"))["event"]["session"])["running"]:
            pass
        await until(lambda: not any(run.readers for run in gateway.parts.supervisor.running()))
        scripted.step(2)
        while (listed := (await frames.next("sessions", "session"))["event"]["session"])["running"]:
            pass
        assert (listed["unread"], listed["last_message_preview"]) == (True, "a")
        await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
        while (await frames.next("sessions", "session"))["event"]["session"]["unread"]:
            pass  # one more frame of the reply's end may come before


async def test_a_session_in_sight_tells_of_runs_that_begin_there_and_of_new_messages(
    gateway: Gateway, scripted: ScriptedServer
) -> None:
    async with gateway.client() as client:
        session, other = await new(client), await new(client)
        async with events(client, f"?session={session}") as frames:
            await start_run(client, other)
            stream = await start_run(client, session)
            run = await frames.next("session", "run")
            assert run["event"] == {"type": "run", "session_id": session, "stream_id": stream}
            assert (await frames.next("session", "messages"))["event"] == {"type": "messages", "session_id": session}
            first = (await client.call("GET", f"/api/chatbot/sessions/{session}/messages"))[0]["id"]
            await client.call("PATCH", f"/api/chatbot/sessions/{session}", {"active_message_id": first})
            await frames.next("session", "messages")
            assert all(frame["event"].get("session_id") != other for frame in frames.all if frame["stream"] == "session")


async def test_a_session_that_comes_in_sight_says_what_its_newest_message_is_and_what_runs(
    gateway: Gateway, scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(("a",), hold=True)
    async with gateway.client() as client, events(client) as frames:
        empty, running = await new(client), await new(client)
        stream = await start_run(client, running)
        newest = (await client.call("GET", f"/api/chatbot/sessions/{running}/messages"))[-1]["id"]
        await frames.follow(session=[empty])
        nothing = {"type": "followed", "session_id": empty, "active_message_id": None, "stream_id": None}
        assert (await frames.next("session", "followed"))["event"] == nothing
        await frames.follow(session=[empty, running])
        both = {"type": "followed", "session_id": running, "active_message_id": newest, "stream_id": stream}
        assert (await frames.next("session", "followed"))["event"] == both
        async with events(client, f"?session={running}") as second:
            assert (await second.next("session", "followed"))["event"] == both
        scripted.step(2)


async def test_a_run_is_followed_from_any_number_and_what_is_read_is_what_its_own_stream_says(
    gateway: Gateway, scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(tuple("abcdef"), hold=True)
    async with gateway.client() as client, events(client) as frames:
        stream = await start_run(client, await new(client))
        await frames.follow(run=[stream])
        scripted.step(3)
        while frames.text(stream) != "abc":
            await frames.read()
        scripted.step(4)
        done = await frames.next(stream, "done")
        own = [(number, event) async for number, event in client.follow(stream)]
        read = [frame for frame in frames.all if frame["stream"] == stream]
        assert [frame["n"] for frame in read] == [number for number, _ in own]
        assert [frame["event"] for frame in read] == [msgspec.to_builtins(event) for _, event in own]
        assert done["event"]["full_content"] == "abcdef"
        async with events(client, f"?run={stream}@{done['n'] - 1}") as late:
            assert (await late.next(stream, "done"))["n"] == done["n"]


async def test_a_run_that_is_asked_for_again_from_an_earlier_number_is_sent_again(
    gateway: Gateway, scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(tuple("abc"), hold=True)
    async with gateway.client() as client, events(client) as frames:
        stream = await start_run(client, await new(client))
        await frames.follow(run=[stream])
        scripted.step(2)
        while frames.text(stream) != "ab":
            await frames.read()
        await frames.follow(run=[f"{stream}@0"])
        await frames.next(stream, "metadata")
        await frames.next(stream, "metadata")
        await frames.follow(run=[stream])
        scripted.step(2)
        await frames.next(stream, "done")
        assert frames.text(stream) == "abc"
        assert sum(frame["event"]["type"] == "metadata" for frame in frames.all if frame["stream"] == stream) == 2


async def test_a_rebuilt_run_is_followed_from_its_first_event(gateway: Gateway) -> None:
    async with gateway.client() as client, events(client) as frames:
        stream = await start_run(client, await new(client))
        await frames.follow(run=[stream])
        await frames.next(stream, "done")
        gateway.parts.streams._shelf.clear()
        await frames.follow(run=[f"{stream}@3"])
        assert (await frames.next(stream, "metadata"))["event"]["rebuilt"] is True
        assert (await frames.next(stream, "done"))["event"]["full_content"] == "Once upon a time"


@pytest.mark.parametrize(("after", "reason"), [("@999", "invalid"), ("@LAST", "ended"), (None, "not_found")])
async def test_a_run_that_cannot_be_followed_is_closed_with_the_reason(after: str | None, reason: str, gateway: Gateway) -> None:
    async with gateway.client() as client, events(client) as frames:
        stream = await start_run(client, await new(client))
        last = [number async for number, _ in client.follow(stream)][-1]
        wish = "nothing" if after is None else stream + after.replace("LAST", str(last))
        await frames.follow(run=[wish])
        closed = await frames.next("nothing" if after is None else stream, "closed")
        assert closed["event"] == {"type": "closed", "reason": reason}
        async with events(client, f"?run={wish}") as second:
            assert second.all[0]["stream"] == "connection"
            assert (await second.next(closed["stream"], "closed"))["event"] == closed["event"]


async def test_whoever_follows_a_run_counts_as_its_reader_until_it_lets_go(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("a", "b"), hold=True)
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_detach_seconds=0.3) as gateway:
        async with gateway.client() as client, events(client) as frames:
            session = await new(client)
            async with raw_stream(client, session) as stream:  # `cancel`, the default
                first = await stream.until(Metadata)
                assert isinstance(first, Metadata)
                assert first.stream_id is not None
                await frames.follow(run=[first.stream_id])
                run = gateway.parts.supervisor.get(first.stream_id)
                assert run is not None
            assert await run.until(50, lambda run: run.readers == 1)
            assert not await run.until(0.6, lambda run: run.stop_request is not None)  # twice as long as it lives unread
            await frames.follow()
            assert await run.saved(50)
            assert run.outcome is not None
            assert run.outcome.status == "cancelled"


async def test_a_connection_that_breaks_ends_its_reading(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("a",), hold=True)
    async with gateway.client() as client:
        stream = await start_run(client, await new(client))
        run = gateway.parts.supervisor.get(stream)
        assert run is not None
        async with events(client, f"?run={stream}@0") as frames:
            await frames.next(stream, "metadata")
            assert run.has_readers
        assert await run.until(50, lambda run: not run.has_readers)
        scripted.step(2)


async def test_a_reader_that_reconnects_with_its_cursor_misses_nothing(gateway: Gateway) -> None:
    async with gateway.client() as client:
        async with events(client) as frames:
            await new(client)
            await frames.next("sessions", "session")
            cursor = frames.cursor
        missed = [await new(client), await new(client)]
        async with events(client, cursor=cursor) as frames:
            await frames.next("connection", "open")
            found = {(await frames.next("sessions", "session"))["event"]["session"]["id"] for _ in missed}
            assert found == set(missed)


@pytest.mark.parametrize("cursor", ["00000000-7", "", "x", "-", "00000000-", "0-١", "INSTANCE-99999999999"])
async def test_a_cursor_that_this_gateway_cannot_go_on_from_is_answered_by_a_reset(cursor: str, gateway: Gateway) -> None:
    async with (
        gateway.client() as client,
        events(client, cursor=cursor.replace("INSTANCE", gateway.parts.events.instance)) as frames,
    ):
        await frames.next("connection", "reset")
        session = await new(client)
        assert (await frames.next("sessions", "session"))["event"]["session"]["id"] == session


async def test_after_a_restart_the_first_event_is_a_reset(scripted: ScriptedServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with (
        gateway_process(data, llm_server_url=scripted.url) as (_, gateway),
        gateway.client() as client,
        events(client) as frames,
    ):
        session = await new(client)
        await frames.next("sessions", "session")
        cursor = frames.cursor
    async with gateway_process(data, llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        async with events(client, f"?session={session}", cursor) as frames:
            assert frames.all[0]["event"]["type"] == "reset"


async def test_a_session_that_is_not_ones_own_is_404_and_closed_where_it_is_one_of_several(gateway: Gateway) -> None:
    async with gateway.client() as owner, await gateway.user("thief@example.org") as thief:
        theirs, mine = await new(owner), await new(thief)
        assert await status(thief, f"?session={theirs}") == 404
        assert await status(thief, "?session=99999") == 404
        async with events(thief) as frames:
            await frames.follow(session=[theirs, mine])
            closed = await frames.next("session", "closed")
            assert closed["event"] == {"type": "closed", "session_id": theirs, "reason": "not_found"}
            await start_run(owner, theirs)
            await start_run(thief, mine)
            assert (await frames.next("session", "run"))["event"]["session_id"] == mine
            assert all(
                frame["event"].get("session_id") == mine for frame in frames.all if frame["stream"] == "session" and frame != closed
            )


async def test_nobody_hears_of_anothers_sessions_nor_follows_anothers_run(gateway: Gateway) -> None:
    async with gateway.client() as owner, await gateway.user("thief@example.org") as thief, events(thief) as frames:
        session = await new(owner)
        stream = await start_run(owner, session)
        await frames.follow(run=[stream])
        assert (await frames.next(stream, "closed"))["event"]["reason"] == "not_found"
        mine = await new(thief)
        assert (await frames.next("sessions", "session"))["event"]["session"]["id"] == mine
        assert [frame for frame in frames.all if frame["stream"] == stream] == [frames.all[-2]]
        async with events(owner) as theirs:
            opened = theirs.all[0]["event"]["id"]
            with pytest.raises(NotFound):
                await thief.call("POST", f"/api/events/{opened}", {"run": []})


async def test_a_user_has_a_limited_number_of_connections_and_others_are_not_hindered(gateway: Gateway) -> None:
    async with gateway.client() as client, await gateway.user("other@example.org") as other, contextlib.AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(events(client)) for _ in range(MOST_PER_USER)]
        assert await status(client) == 429
        async with events(other):
            pass
        opened[0].response.close()
        async with asyncio.timeout(60):
            while await status_code(client) != 200:
                await asyncio.sleep(0.01)


async def status_code(client: Client) -> int:
    async with aiohttp.ClientSession(headers=client._headers) as http, http.get(f"{client.url}/api/events") as response:
        return response.status


@pytest.mark.parametrize("query", ["?session=x", "?session=0", "?run=a@b", "?run=a@", "?run=", "?" + "&".join(["run=a"] * 65)])
async def test_a_query_that_makes_no_sense_is_422(query: str, gateway: Gateway) -> None:
    async with gateway.client() as client:
        assert await status(client, query) == 422


async def test_it_ends_when_its_login_is_revoked(gateway: Gateway) -> None:
    async with await gateway.user("leaver@example.org") as client, events(client) as frames:
        await client.call("POST", "/api/auth/logout")
        async with asyncio.timeout(60):
            while await frames.read():
                pass
        with pytest.raises(LamError):
            await client.call("GET", "/api/chatbot/sessions")


async def test_a_gateway_that_stops_ends_it_after_the_last_event_of_its_runs(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("a", "b"), hold=True)
    async with gateway_process(tmp_path / "data", llm_server_url=scripted.url, lam_drain_seconds=0.2) as (process, gateway):
        async with gateway.client() as client, events(client) as frames:
            stream = await start_run(client, await new(client))
            await frames.follow(run=[stream])
            scripted.step(1)
            await frames.next(stream, "chunk")
            process.terminate()
            assert (await frames.next(stream, "error"))["event"]["code"] == "interrupted"
            while await frames.read():
                pass
            async with asyncio.timeout(60):
                assert await process.wait() == 0


async def test_many_runs_at_full_speed_arrive_whole_and_in_order_on_one_connection(
    gateway: Gateway, scripted: ScriptedServer
) -> None:
    words = tuple(f"word{number} " for number in range(3000))
    scripted.reply = Reply(words)
    async with gateway.client() as client, events(client) as frames:
        streams = [await start_run(client, await new(client)) for _ in range(4)]
        await frames.follow(run=streams)
        for stream in streams:
            if not any(frame["stream"] == stream and frame["event"]["type"] == "done" for frame in frames.all):
                await frames.next(stream, "done")
        for stream in streams:
            numbers = [frame["n"] for frame in frames.all if frame["stream"] == stream]
            assert numbers == list(range(1, len(numbers) + 1))
            assert frames.text(stream) == "".join(words)
