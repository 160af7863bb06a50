"""Answer now: a model that thinks ends its thinking and answers, and nothing else changes."""

import pytest

from lam.client.client import Client
from lam.errors import CannotAnswerNow, NotFound
from lam.protocol.events import Chunk, Done, Metadata, Progress, Thinking
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, RawStream, raw_stream, running_gateway
from ..waiting import until

THOUGHTS = Reply(("The ", "answer"), thinking=("hm ",) * 1000, rate=20)


async def answer_now(client: Client, stream: RawStream) -> None:
    metadata = stream.events[0][1]
    assert isinstance(metadata, Metadata)
    path = f"/api/chatbot/streams/{metadata.stream_id}"
    assert await client.call("POST", f"{path}/answer_now") == {"stream_id": metadata.stream_id, "status": "streaming"}


def announcements(stream: RawStream) -> list[int]:
    """The numbers of the events that offer it."""
    return [number for number, event in stream.events if isinstance(event, Progress) and event.can_answer_now is True]


async def test_the_thinking_ends_and_the_answer_is_whole(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = THOUGHTS
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await stream.until(Thinking)
            (offer,) = announcements(stream)
            first = next(number for number, event in stream.events if isinstance(event, Thinking))
            assert offer == first - 1, "the offer comes just before the first thought"
            await answer_now(client, stream)
            done = (await stream.rest())[-1]
        assert isinstance(done, Done)
        assert (done.full_content, done.finish_reason) == ("The answer", "stop")
        (_, reply) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
    assert (reply["status"], reply["content"]) == ("complete", "The answer")
    assert set(reply["thinking"].split()) == {"hm"}
    assert len(reply["thinking"].split()) < 1000
    assert len(scripted.requests) == 1, "it is the same reply"


async def test_twice_is_as_good_as_once(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("The ", "answer"), thinking=("hm ",) * 1000, hold=True)
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await until(lambda: len(scripted.requests) == 1)
            scripted.step()
            await stream.until(Thinking)
            await answer_now(client, stream)
            await answer_now(client, stream)
            scripted.step(3)
            assert isinstance(done := (await stream.rest())[-1], Done)
    assert done.full_content == "The answer"


@pytest.mark.parametrize("what", ["old", "other"])
async def test_a_server_without_the_control_offers_nothing_and_the_request_is_refused(
    what: str, scripted: ScriptedServer, tmp_path
) -> None:
    scripted.reply = THOUGHTS
    scripted.ends_thinking = False
    scripted.llama = what == "old"
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await stream.until(Thinking)
            assert not announcements(stream)
            with pytest.raises(CannotAnswerNow):
                await answer_now(client, stream)
            assert "reasoning_control" not in scripted.requests[0].body


async def test_a_reply_that_answers_already_goes_on_as_it_was(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("a",) * 10, thinking=("hm",), hold=True)
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await until(lambda: len(scripted.requests) == 1)
            scripted.step(2)
            await stream.until(Chunk)
            if gateway.parts.settings.llm_comm_mode == "sse":
                with pytest.raises(CannotAnswerNow):
                    await answer_now(client, stream)
            else:  # the worker finds out
                await answer_now(client, stream)
            scripted.step(20)
            assert isinstance(done := (await stream.rest())[-1], Done)
            assert done.full_content == "a" * 10
            with pytest.raises(CannotAnswerNow):
                await answer_now(client, stream)


async def test_a_reply_without_thoughts_offers_nothing(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await stream.rest()
            assert not announcements(stream)


async def test_who_asked_the_model_not_to_think_gets_no_offer(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session, reasoning="off") as stream:
            await stream.rest()
    assert "reasoning_control" not in scripted.requests[0].body


async def test_nobody_ends_the_thinking_of_another_person(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = THOUGHTS
    async with gateway.client() as client, await gateway.user("eve@example.org") as eve:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await stream.until(Thinking)
            with pytest.raises(NotFound):
                await answer_now(eve, stream)
