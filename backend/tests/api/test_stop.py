"""A stop frees the model, in every stage."""

import asyncio
import itertools

import pytest

from lam.client.client import Client
from lam.protocol.events import Chunk, Done, Metadata, Progress, Thinking
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, RawStream, collect, raw_stream, running_gateway
from ..waiting import until, within

STAGES = {
    "loading": (Reply(fault="loading", times=10_000), Progress),
    "prompt": (Reply(progress=10_000, wait=0.05), Progress),
    "silence": (Reply(wait=3600), Metadata),
    "thinking": (Reply(thinking=("hm",) * 10_000, rate=50), Thinking),
    "text": (Reply(("word ",) * 10_000, rate=50), Chunk),
}


async def stopped(client: Client, stream: RawStream, **options: int) -> Done:
    """Stops the stream and reads it to its end."""
    first = await stream.until(Metadata)
    assert isinstance(first, Metadata)
    answer = await client.stop(first.stream_id or "", **options)
    assert answer == {"stream_id": first.stream_id, "status": "cancelled"}
    done = (await stream.rest())[-1]
    assert isinstance(done, Done)
    assert done.finish_reason == "cancelled"
    return done


@pytest.mark.parametrize("stage", STAGES)
async def test_a_stop_closes_the_connection_to_the_model_in_every_stage(
    stage: str, gateway: Gateway, scripted: ScriptedServer
) -> None:
    scripted.reply, sign = STAGES[stage]
    async with gateway.client() as client:
        session = await client.create_session()
        async with raw_stream(client, session["id"]) as stream:
            await stream.until(sign)
            request = await scripted.arrival()
            async with within(3):  # goal: 100 ms; with a worker, several processes have a part in it
                done = await stopped(client, stream)
                await until(lambda: not scripted.active)
        assert request.left_early or stage == "loading"
        (_, stored) = await client.call("GET", f"/api/chatbot/sessions/{session['id']}/messages")
    assert (stored["status"], stored["content"]) == ("cancelled", done.full_content)
    assert done.full_content == "".join(event.content for _, event in stream.events if isinstance(event, Chunk))


async def test_a_stopped_queued_run_leaves_the_running_one_alone(scripted: ScriptedServer, tmp_path) -> None:
    scripted.reply = Reply(("a", "b", "c"), hold=True)
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, llm_slots=1) as gateway, gateway.client() as client:
        one, two, three = [(await client.create_session())["id"] for _ in range(3)]
        async with raw_stream(client, one) as running, raw_stream(client, two) as queued, raw_stream(client, three) as last:
            await scripted.arrival()
            assert (await queued.until(Progress)) == Progress("queued", position=0)
            assert (await last.until(Progress)) == Progress("queued", position=1)
            done = await stopped(client, queued)
            assert done.full_content == ""
            while last.events[-1][1] != Progress("queued", position=0):
                await last.read()
            scripted.step(6)
            for stream in (running, last):
                end = (await stream.rest())[-1]
                assert isinstance(end, Done)
                assert (end.full_content, end.finish_reason) == ("abc", "stop")
    assert len(scripted.requests) == 2


async def test_the_next_run_waits_until_the_server_is_seen_idle(scripted: ScriptedServer, tmp_path) -> None:
    scripted.reply = Reply(("a",), hold=True)
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, llm_slots=1) as gateway, gateway.client() as client:
        one, two = [(await client.create_session())["id"] for _ in range(2)]
        async with raw_stream(client, one) as running, raw_stream(client, two) as queued:
            await scripted.arrival()
            await queued.until(Progress)
            scripted.frozen_slots = 1  # the server goes on with what nobody wants any more
            await stopped(client, running)
            looked = scripted.questions["/slots"]
            await until(lambda: scripted.questions["/slots"] >= looked + 3)
            assert len(scripted.requests) == 1
            scripted.frozen_slots = 0
            await scripted.arrival(2)
            scripted.step(1)
            assert isinstance((await queued.rest())[-1], Done)


async def test_a_stop_twice_and_after_the_end_changes_nothing(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        events = await collect(client, session)
        first, done = events[0], events[-1]
        assert isinstance(first, Metadata)
        assert isinstance(done, Done)
        for _ in range(2):
            answer = await client.stop(first.stream_id or "", shown_chars=2)
            assert answer["status"] == "complete"
        (_, stored) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
    assert stored["content"] == done.full_content == "Once upon a time"


async def test_a_stop_racing_the_end_has_exactly_one_outcome(gateway: Gateway, scripted: ScriptedServer) -> None:
    outcomes = set[str]()
    async with gateway.client() as client:
        for number in itertools.count():
            times, delay = 1 + number // 24, number % 24  # all slower each time, for a machine that is slow itself
            if number >= 24 and len(outcomes) == 2:
                break
            scripted.reply = Reply(("a", "b", "c", "d", "e", "f"), rate=50 / times)
            session = (await client.create_session())["id"]
            async with raw_stream(client, session) as stream:
                first = await stream.until(Metadata)
                assert isinstance(first, Metadata)
                await asyncio.sleep(times * delay / 100)  # Time itself: the stops come before, at and after the end
                answers = await asyncio.gather(*(client.stop(first.stream_id or "") for _ in range(3)))
                events = await stream.rest()
            ends = [event for event in events if isinstance(event, Done)]
            assert len(ends) == 1
            assert ends[0] is events[-1]
            (_, stored) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
            assert stored["status"] == ("cancelled" if ends[0].finish_reason == "cancelled" else "complete")
            assert {answer["status"] for answer in answers} == {stored["status"]}
            assert stored["content"] == ends[0].full_content
            outcomes.add(stored["status"])
    assert outcomes == {"cancelled", "complete"}


@pytest.mark.parametrize(("shown", "kept"), [(0, ""), (3, "a😀"), (2, "a"), (4, "a😀b"), (900, "a😀bé")])
async def test_the_text_is_cut_where_the_reader_stopped_seeing_it(
    shown: int, kept: str, gateway: Gateway, scripted: ScriptedServer
) -> None:
    scripted.reply = Reply(("a", "😀", "b", "é", "never"), hold=True)
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            scripted.step(4)
            while sum(isinstance(event, Chunk) for _, event in stream.events) < 4:
                assert await stream.read()
            done = await stopped(client, stream, shown_chars=shown)
        (_, stored) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
        assert done.full_content == stored["content"] == kept
        rebuilt = [event async for _, event in client.follow(stored["stream_id"])]
        assert rebuilt[-1] == done


async def test_a_cancel_run_is_stopped_some_time_after_its_last_reader_left(scripted: ScriptedServer, tmp_path) -> None:
    scripted.reply = Reply(("word ",) * 10_000, rate=50)
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_detach_seconds=0.3) as gateway,
        gateway.client() as client,
    ):
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await stream.until(Chunk)
        request = await scripted.arrival()
        while not request.left_early:
            await asyncio.sleep(0.01)
        while (stored := (await client.call("GET", f"/api/chatbot/sessions/{session}/messages"))[1])["status"] == "streaming":
            await asyncio.sleep(0.01)
        assert stored["status"] == "cancelled"
        assert stored["content"].startswith("word ")


async def test_a_new_reader_ends_the_timer(scripted: ScriptedServer, tmp_path) -> None:
    scripted.reply = Reply(("a", "b"), hold=True)
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_detach_seconds=5) as gateway,
        gateway.client() as client,
    ):
        async with raw_stream(client, (await client.create_session())["id"]) as stream:
            first = await stream.until(Metadata)
        assert isinstance(first, Metadata)

        async def follow() -> list[object]:
            return [event async for _, event in client.follow(first.stream_id or "")]

        reader = asyncio.create_task(follow())
        await asyncio.sleep(5.5)  # Time itself: longer than the timer that must have ended
        scripted.step(2)
        end = (await reader)[-1]
        assert isinstance(end, Done)
        assert end.finish_reason == "stop"


async def test_a_continue_run_needs_no_reader(scripted: ScriptedServer, tmp_path) -> None:
    scripted.reply = Reply(("a", "b"), hold=True)
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_detach_seconds=0.05) as gateway,
        gateway.client() as client,
    ):
        session, other = [(await client.create_session())["id"] for _ in range(2)]
        async with raw_stream(client, session, on_disconnect="continue") as stream:
            await stream.until(Metadata)
        await scripted.arrival()
        async with raw_stream(client, other) as stream:
            await stream.until(Metadata)
        later = await scripted.arrival(2)
        await until(lambda: later.left_early)  # whose readers left after those of the first
        scripted.step(2)
        while (stored := (await client.call("GET", f"/api/chatbot/sessions/{session}/messages"))[1])["status"] == "streaming":
            await asyncio.sleep(0.01)
        assert (stored["status"], stored["content"]) == ("complete", "ab")


async def test_deleting_and_resetting_a_session_stop_its_reply_first(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("word ",) * 10_000, rate=50)
    async with gateway.client() as client:
        for number, (method, suffix) in enumerate((("DELETE", ""), ("POST", "/reset")), 1):
            session = (await client.create_session())["id"]
            async with raw_stream(client, session) as stream:
                first = await stream.until(Metadata)
                assert isinstance(first, Metadata)
                await scripted.arrival(number)
                await client.call(method, f"/api/chatbot/sessions/{session}{suffix}")
                done = (await stream.rest())[-1]
                assert isinstance(done, Done)
                assert done.finish_reason == "cancelled"
            async with client._http.get(f"{gateway.url}/api/chatbot/streams/{first.stream_id}") as response:
                assert response.status == 404
        assert await client.call("GET", f"/api/chatbot/sessions/{session}/messages") == []
    while scripted.active:
        await asyncio.sleep(0.005)
    assert all(request.left_early for request in scripted.requests)
