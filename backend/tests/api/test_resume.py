"""Reading again: from any number, from another connection, after the log is gone."""

import asyncio

import aiohttp
import pytest

from lam.errors import LamError, NotFound
from lam.protocol.events import Chunk, Done, Error, Metadata, Thinking
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, collect, raw_stream, running_gateway


async def get(gateway: Gateway, path: str, **headers: str) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {gateway.token}"} | headers
    async with aiohttp.ClientSession(headers=headers) as http, http.get(gateway.url + path) as response:
        return response.status, await response.read()


async def finished_stream(gateway: Gateway) -> tuple[str, int, bytes]:
    """A stream that has ended: its path, its last number, its bytes."""
    async with gateway.client() as client:
        async with raw_stream(client, (await client.create_session())["id"]) as stream:
            await stream.rest()
    first = stream.events[0][1]
    assert isinstance(first, Metadata)
    return f"/api/chatbot/streams/{first.stream_id}", len(stream.events), stream.bytes


async def test_a_replay_is_the_same_bytes_from_any_number(gateway: Gateway) -> None:
    path, last, whole = await finished_stream(gateway)
    assert await get(gateway, path) == (200, whole)
    for number in range(1, last):
        tail = whole[whole.index(f"id: {number + 1}\n".encode()) :]
        assert await get(gateway, f"{path}?after={number}") == (200, tail)
        assert await get(gateway, f"{path}/?after=0", **{"Last-Event-ID": str(number)}) == (200, tail)


async def test_at_the_terminal_event_nothing_is_left(gateway: Gateway) -> None:
    path, last, _ = await finished_stream(gateway)
    assert await get(gateway, f"{path}?after={last}") == (204, b"")


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "", "99999", "1e3", "١"])
async def test_a_number_that_is_none_or_beyond_the_end_is_422(gateway: Gateway, number: str) -> None:
    path, _, _ = await finished_stream(gateway)
    assert (await get(gateway, f"{path}?after={number}"))[0] == 422


async def test_an_unknown_stream_is_404(gateway: Gateway) -> None:
    assert (await get(gateway, "/api/chatbot/streams/nothing"))[0] == 404


async def test_a_reader_that_comes_late_gets_the_rest_live(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(tuple("abcdef"), hold=True)
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        assert await client.call("GET", f"/api/chatbot/sessions/{session}/stream") is None
        async with raw_stream(client, session, on_disconnect="continue") as stream:
            scripted.step(2)
            await stream.until(Chunk)
        running = await client.call("GET", f"/api/chatbot/sessions/{session}/stream")
        assert running["status"] == "streaming"
        assert running["last_event_id"] >= 2
        (_, message) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
        assert message["status"] == "streaming"
        assert "ab".startswith(message["content"])
        assert (await client.call("GET", f"/api/chatbot/sessions/{session}"))["running"] is True
        scripted.step(4)
        events = [event async for _, event in client.follow(running["stream_id"])]
        assert "".join(event.content for event in events if isinstance(event, Chunk)) == "abcdef"
        assert isinstance(events[-1], Done)
        assert await client.call("GET", f"/api/chatbot/sessions/{session}/stream") is None


@pytest.mark.parametrize("after", [0, 3, 4000])
async def test_a_stream_whose_log_is_gone_is_rebuilt_from_its_message(
    after: int, gateway: Gateway, scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(("Once", " upon"), thinking=("hm", "!"))
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        live = await collect(client, session)
        first = live[0]
        assert isinstance(first, Metadata)
        gateway.parts.streams._shelf.clear()
        numbered = [pair async for pair in client.follow(first.stream_id or "", after)]
    numbers, events = zip(*numbered, strict=True)
    assert numbers == (1, 2, 3, 4)
    metadata, thinking, chunk, done = events
    assert isinstance(metadata, Metadata)
    assert metadata.rebuilt is True
    assert (metadata.session_key, metadata.user_message_id) == (first.session_key, first.user_message_id)
    assert (thinking, chunk, done) == (Thinking("hm!"), Chunk("Once upon"), live[-1])


async def test_a_failed_stream_is_rebuilt_with_its_error(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(fault="error_data", after=1)
    async with gateway.client() as client:
        live = await collect(client, (await client.create_session())["id"])
        gateway.parts.streams._shelf.clear()
        first = live[0]
        assert isinstance(first, Metadata)
        rebuilt = [event async for _, event in client.follow(first.stream_id or "")]
    assert rebuilt[1:] == [Chunk("Once"), live[-1]]
    assert isinstance(rebuilt[-1], Error)


async def test_the_same_request_again_gets_the_first_runs_stream(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(tuple("abc"), hold=True)
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        async with (
            raw_stream(client, session, client_request_id="r1") as one,
            raw_stream(client, session, client_request_id="r1") as two,
        ):
            scripted.step(3)
            assert await one.rest() == await two.rest()
        assert one.bytes == two.bytes
        async with raw_stream(client, session, client_request_id="r1") as again:
            await again.rest()
        assert again.bytes == one.bytes
        gateway.parts.streams._shelf.clear()
        rebuilt = await collect(client, session, client_request_id="r1")
        assert isinstance(rebuilt[0], Metadata)
        assert rebuilt[0].rebuilt is True
        answer = await client.call(
            "POST", "/api/chatbot/messages", {"session_id": session, "content": "Hello", "client_request_id": "r1"}
        )
        assert answer["assistant_message"]["content"] == "abc"
        assert len(await client.call("GET", f"/api/chatbot/sessions/{session}/messages")) == 2
    assert len(scripted.requests) == 1


async def test_a_request_id_cannot_stand_for_something_else(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session, other = [(await client.create_session())["id"] for _ in range(2)]
        await collect(client, session, client_request_id="r1")
        for body in ({"session_id": session, "content": "Other"}, {"session_id": other, "content": "Hello"}):
            with pytest.raises(LamError) as caught:
                await client.call("POST", "/api/chatbot/messages", body | {"client_request_id": "r1"})
            assert caught.value.code == "request_id_reused"
        stranger = await gateway.user("stranger@example.org")
        async with stranger:
            events = await collect(stranger, (await stranger.create_session())["id"], client_request_id="r1")
            assert isinstance(events[-1], Done)


async def test_a_session_with_a_reader_is_busy(impatient: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(tuple("abc"), hold=True)
    async with impatient.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session, on_disconnect="continue") as stream:
            first = await stream.until(Metadata)
            assert isinstance(first, Metadata)
            for _ in range(2):  # with a reader, and without one
                async with client._http.post(
                    impatient.url + "/api/chatbot/messages/stream", json={"session_id": session, "content": "Again"}
                ) as response:
                    answer = await response.json()
                assert (response.status, answer["code"], answer["stream_id"]) == (409, "session_busy", first.stream_id)
                stream.response.close()
        assert len(await client.call("GET", f"/api/chatbot/sessions/{session}/messages")) == 2


async def test_a_send_waits_for_the_run_before_it_to_end(patient: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("a",), hold=True)
    async with patient.client() as client:
        session = (await client.create_session())["id"]
        one = asyncio.create_task(collect(client, session, "one"))
        await scripted.arrival()
        two = asyncio.create_task(collect(client, session, "two"))
        await asyncio.sleep(0.2)  # Time itself: that the second one waits is seen from nowhere
        scripted.step(2)
        ends = [events[-1] for events in await asyncio.gather(one, two)]
    assert all(isinstance(end, Done) and end.finish_reason == "stop" for end in ends)


async def test_a_cancel_run_that_nobody_reads_makes_way(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("a", "b"), hold=True)
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session, "one") as stream:
            await stream.until(Metadata)
            await scripted.arrival()
        scripted.reply = Reply()
        events = await collect(client, session, "two")
        assert isinstance(events[-1], Done)
        messages = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
    assert [message["status"] for message in messages] == ["complete", "cancelled", "complete", "complete"]
    assert [message["parent_id"] for message in messages[1:]] == [message["id"] for message in messages[:-1]]


async def test_too_many_streams_and_a_full_queue_are_429(scripted: ScriptedServer, tmp_path) -> None:
    scripted.reply = Reply(("a",), hold=True)
    limits = {"lam_max_streams_per_user": 3, "lam_max_queue": 3, "llm_slots": 1}
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, **limits) as gateway, gateway.client() as client:
        tasks = [asyncio.create_task(collect(client, (await client.create_session())["id"])) for _ in range(3)]
        while len(gateway.parts.supervisor.running()) < 3:
            await asyncio.sleep(0.01)
        session = (await client.create_session())["id"]
        async with client._http.post(
            gateway.url + "/api/chatbot/messages/stream", json={"session_id": session, "content": "x"}
        ) as response:
            assert (response.status, (await response.json())["code"]) == (429, "too_many_streams")
            assert int(response.headers["Retry-After"]) > 0
        async with await gateway.user("b@example.org") as other:
            waiting = asyncio.create_task(collect(other, (await other.create_session())["id"]))
            while gateway.parts.catalog.queue.waiting < 3:
                await asyncio.sleep(0.01)
            refused = {"session_id": (await other.create_session())["id"], "content": "x"}
            async with other._http.post(gateway.url + "/api/chatbot/messages/stream", json=refused) as response:
                assert (response.status, (await response.json())["code"]) == (429, "queue_full")
            assert await other.call("GET", f"/api/chatbot/sessions/{refused['session_id']}/messages") == []
            scripted.step(10)
            for task in (*tasks, waiting):
                assert isinstance((await task)[-1], Done)


async def test_an_end_that_nobody_saw_is_unread_until_the_messages_are_listed(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("a",), hold=True)
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session, on_disconnect="continue") as stream:
            await stream.until(Metadata)
        (run,) = gateway.parts.supervisor.running()
        assert await run.until(10, lambda run: not run.has_readers)
        scripted.step()
        path = f"/api/chatbot/sessions/{session}"
        while (await client.call("GET", path))["running"]:
            await asyncio.sleep(0.01)
        assert (await client.call("GET", path))["unread"] is True
        await client.call("GET", path + "/messages")
        assert (await client.call("GET", path))["unread"] is False
        await client.call("DELETE", path)
        with pytest.raises(NotFound):
            await client.call("GET", path)


async def test_two_sends_in_the_same_moment_both_get_their_reply(patient: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(tuple("abc"), rate=100)
    async with patient.client() as client:
        for _ in range(5):
            session = (await client.create_session())["id"]
            ends = [events[-1] for events in await asyncio.gather(collect(client, session, "one"), collect(client, session, "two"))]
            assert [end.finish_reason for end in ends if isinstance(end, Done)] == ["stop", "stop"]
