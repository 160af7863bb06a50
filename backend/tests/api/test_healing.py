"""A server that dies in the middle of a reply: where the reply goes on, its text is that of an undisturbed one; elsewhere it ends
as it always did."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lam.engines.retries import Pauses
from lam.gateway import Bounds
from lam.protocol.events import Chunk, Done, Error, Event, Progress, Thinking
from lam.protocol.snapshot import Snapshot
from lam.testing.server import Reply, ScriptedServer

from .. import brokers
from ..brokers import Mosquitto
from ..running import Gateway, collect, raw_stream, running_gateway
from ..tunnel import reached
from ..waiting import until

PIECES = ("Once ", "upon\n", "a ", "time,\n<", "i> ", "\U0001f332\U0001f332 ", "there ", "was.")
QUICK = Bounds(pauses=Pauses(refused=3, first=0.02, longest=0.1))


def dies(after: int, times: int = 1, **reply: Any) -> Callable[[dict[str, Any]], Reply]:
    """A server that dies with its first requests after so many pieces, and then answers whole."""
    seen = 0

    def plan(_body: dict[str, Any]) -> Reply:
        nonlocal seen
        seen += 1
        whole = Reply(**({"pieces": PIECES} | reply))
        return msgspec.structs.replace(whole, fault="cut", after=after) if seen <= times else whole

    return plan


def fold(events: list[Event]) -> Snapshot:
    snapshot = Snapshot()
    for event in events:
        snapshot.add(event)
    return snapshot


def stages(events: list[Event]) -> list[str]:
    return [event.stage for event in events if isinstance(event, Progress)]


async def answered(gateway: Gateway, **options: Any) -> tuple[list[Event], dict[str, Any]]:
    """The events of a reply, and how it is stored."""
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        events = await collect(client, session, **options)
        stored = (await client.call("GET", f"/api/chatbot/sessions/{session}/messages"))[-1]
        return events, stored


@pytest.mark.parametrize("after", range(1, len(PIECES)))
async def test_a_reply_whose_server_died_ends_with_the_undisturbed_text(
    after: int, gateway: Gateway, scripted: ScriptedServer
) -> None:
    scripted.reply = dies(after)
    events, stored = await answered(gateway, max_tokens=100)
    assert "".join(event.content for event in events if isinstance(event, Chunk)) == "".join(PIECES)
    assert isinstance(done := events[-1], Done)
    assert (done.full_content, done.finish_reason) == ("".join(PIECES), "stop")
    assert (stored["status"], stored["content"]) == ("complete", "".join(PIECES))
    at = len("".join(PIECES[:after]).encode("utf-16-le")) // 2
    assert stored["metadata"]["healed"] == [{"at": at, "reason": "interrupted"}]
    assert fold(events).places_healed() == stored["metadata"]["healed"]
    (recovering,) = (event for event in events if isinstance(event, Progress) and event.stage == "recovering")
    assert recovering.reason == "interrupted"
    first, second = scripted.requests
    assert second.body["messages"][:-1] == first.body["messages"]
    assert second.body["max_tokens"] == 100 - after
    assert done.usage
    assert done.usage.completion_tokens == len(PIECES)
    assert done.usage.prompt_tokens == 10


@pytest.mark.parametrize(
    ("dying", "text", "healed"),
    [
        ([1, 2, 4, 6, 7], PIECES[:6], 3),  # where its text ends at each death
        ([1, 1, 1, 4, 6, 7], PIECES[:4], 1),  # two of the deaths before anything was shown
        ([2, 2, 2, 2, 2], PIECES[:2], 0),
    ],
)
async def test_it_goes_on_up_to_three_times(
    dying: list[int], text: tuple[str, ...], healed: int, gateway: Gateway, scripted: ScriptedServer
) -> None:
    dying = [*dying]

    def plan(_body: dict[str, Any]) -> Reply:
        return Reply(PIECES, fault="cut", after=dying.pop(0))

    scripted.reply = plan
    events, stored = await answered(gateway)
    assert isinstance(end := events[-1], Error)
    assert end.code == "interrupted"
    assert end.message.endswith(". It was broken off 4 times; a reply goes on at most 3 times.")
    assert (stored["status"], stored["content"]) == ("interrupted", "".join(text))
    assert stored["error"]["message"] == end.message
    assert len(stored["metadata"].get("healed", ())) == healed
    assert len(scripted.requests) == 4


async def test_a_server_that_dies_before_it_says_anything_is_asked_anew(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = dies(0, times=2)
    events, stored = await answered(gateway)
    assert (stored["status"], stored["content"]) == ("complete", "".join(PIECES))
    assert "healed" not in stored["metadata"]
    assert isinstance(events[-1], Done)
    assert scripted.requests[0].body == scripted.requests[2].body


async def test_a_request_that_kills_its_server_each_time_ends(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = dies(0, times=99)
    events, stored = await answered(gateway)
    assert isinstance(events[-1], Error)
    assert (stored["status"], stored["content"]) == ("interrupted", "")
    assert len(scripted.requests) == 3


CANNOT: dict[str, tuple[Reply, dict[str, Any]]] = {
    "only thoughts were shown": (Reply(PIECES, thinking=("a", "b", "c"), fault="cut", after=2), {}),
    "a tool is called": (
        Reply((), raw=('{"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c"}]}}]}',), fault="cut", after=9),
        {},
    ),
    "the template takes no beginnings": (Reply(PIECES, fault="cut", after=2), {"prefills": False}),
    "the text is not what the model wrote": (Reply(("A \ufffd", "b", "c"), fault="cut", after=2), {}),
}


@pytest.mark.parametrize("name", CANNOT)
async def test_where_it_may_not_go_on_it_ends_as_it_always_did(name: str, gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply, state = CANNOT[name]
    for attribute, value in state.items():
        setattr(scripted, attribute, value)
    events, stored = await answered(gateway)
    assert isinstance(end := events[-1], Error)
    assert (end.code, stored["status"]) == ("interrupted", "interrupted")
    cause = "The connection to the model server was lost; what had arrived is kept."
    assert end.message == cause or end.message.startswith(f"{cause} It could not go on: The model cannot continue a reply: ")
    assert len(scripted.requests) == 1


async def test_thoughts_before_the_answer_are_no_hindrance(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = dies(4, thinking=("I ", "see. "))
    events, stored = await answered(gateway)
    assert (stored["content"], stored["thinking"]) == ("".join(PIECES), "I see. ")
    assert "".join(event.content for event in events if isinstance(event, Thinking)) == "I see. "


@pytest.mark.parametrize("continues", [True, False])
@pytest.mark.sse  # no worker tells whether its server does
async def test_a_forced_form_goes_on_only_where_a_test_of_that_was_valid(
    continues: bool, gateway: Gateway, scripted: ScriptedServer
) -> None:
    scripted.reply = dies(2, pieces=('{"a"', ": ", "1", "}"))
    scripted.continues_forms = continues
    events, stored = await answered(gateway, response_format={"type": "json_object"})
    assert isinstance(events[-1], Done if continues else Error)
    assert stored["content"] == ('{"a": 1}' if continues else '{"a": ')


async def test_a_reply_that_had_reached_its_length_has_only_lost_its_ending(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = dies(3)
    events, stored = await answered(gateway, max_tokens=3)
    assert isinstance(done := events[-1], Done)
    assert (done.full_content, done.finish_reason) == ("Once upon\na ", "length")
    assert stored["status"] == "complete"
    assert len(scripted.requests) == 1


async def test_the_setting_turns_it_off(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = dies(2)
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_healing=False) as gateway:
        events, stored = await answered(gateway)
    assert isinstance(events[-1], Error)
    assert (stored["status"], stored["content"]) == ("interrupted", "Once upon\n")
    assert "recovering" not in stages(events)
    assert "healed" not in stored["metadata"]
    assert len(scripted.requests) == 1


async def test_a_server_that_comes_back_goes_on(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, bounds=QUICK) as gateway, gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await scripted.arrival()
            scripted.step(3)
            while scripted.requests[0].sent < 3 or len(fold([event for _, event in stream.events]).text) < len("Once upon\na "):
                assert await stream.read()
            await scripted.vanish()
            while "recovering" not in stages([event for _, event in stream.events]):
                assert await stream.read()
            scripted.reply = Reply(PIECES)
            await scripted.listen()
            events = await stream.rest()
    assert isinstance(events[-1], Done)
    assert events[-1].full_content == "".join(PIECES)


async def test_a_server_that_stays_away_ends_the_reply_as_it_was(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    short = Bounds(pauses=Pauses(refused=0.3, first=0.02, longest=0.1))
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, bounds=short, llm_timeout=1) as gateway,
        gateway.client() as client,
    ):
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await scripted.arrival()
            scripted.step(3)
            while scripted.requests[0].sent < 3:
                assert await stream.read()
            await scripted.vanish()
            events = await stream.rest()
    assert "recovering" in stages(events)
    assert isinstance(end := events[-1], Error)
    assert end.code == "interrupted"
    assert " is kept. It could not go on: " in end.message
    assert end.message.count("is kept") == end.message.count("could not go on") == 1
    assert fold(events).text == "Once upon\na "


async def test_a_stop_works_while_it_recovers(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(PIECES, hold=True)
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await scripted.arrival()
            scripted.step(3)
            while scripted.requests[0].sent < 3:
                assert await stream.read()
            await scripted.vanish()
            while "recovering" not in stages([event for _, event in stream.events]):
                assert await stream.read()
            stored = (await client.call("GET", f"/api/chatbot/sessions/{session}/messages"))[-1]
            await client.call("POST", f"/api/chatbot/streams/{stored['stream_id']}/stop")
            events = await stream.rest()
        await until(lambda: gateway.parts.catalog.queue.in_use == 0)
    assert isinstance(end := events[-1], Done)
    assert (end.finish_reason, end.full_content) == ("cancelled", "Once upon\na ")


@pytest.mark.sse
async def test_another_model_at_the_same_address_does_not_go_on(gateway: Gateway, scripted: ScriptedServer) -> None:
    def plan(_body: dict[str, Any]) -> Reply:
        scripted.model = "another"
        return Reply(PIECES, fault="cut", after=2)

    scripted.reply = plan
    events, stored = await answered(gateway)
    assert isinstance(end := events[-1], Error)
    assert " is kept. It could not go on: " in end.message
    assert (stored["status"], stored["content"]) == ("interrupted", "Once upon\n")
    assert len(scripted.requests) == 1


async def test_a_continued_reply_goes_on_too(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        scripted.reply = Reply(PIECES[:2], finish_reason="length")
        await collect(client, session)
        scripted.reply = dies(5)
        events = await collect(client, session, None, **{"continue": True})
        stored = (await client.call("GET", f"/api/chatbot/sessions/{session}/messages"))[-1]
    assert isinstance(events[-1], Done)
    assert stored["content"] == "".join(PIECES)
    assert [turn["content"] for turn in scripted.requests[-1].body["messages"]] == ["Hello", "".join(PIECES[:5])]


async def test_ten_at_once_each_go_on_with_their_own_text(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.slots = 4

    def plan(body: dict[str, Any]) -> Reply:
        turns = body["messages"]
        name = turns[0]["content"] if turns[0]["role"] == "user" else turns[1]["content"]
        whole = Reply(tuple(f"{name}{number} " for number in range(12)), rate=200)
        return whole if turns[-1]["role"] == "assistant" else msgspec.structs.replace(whole, fault="cut", after=len(name))

    scripted.reply = plan

    async def one(name: str) -> None:
        async with gateway.client() as client:
            session = (await client.create_session())["id"]
            events = await collect(client, session, name)
        assert isinstance(events[-1], Done)
        assert events[-1].full_content == "".join(f"{name}{number} " for number in range(12))

    await asyncio.gather(*(one("x" * (number + 1)) for number in range(10)))
    assert brokers.mosquitto or gateway.parts.catalog.queue.in_use == 0


GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "healing.md"
ANSWERS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama.cpp, and the template continues an answer": ("sse", {}),
    "llama.cpp, and the template takes no beginnings (most models that think)": ("sse", {"prefills": False}),
    "another server with OpenAI's format": ("sse", {"llama": False}),
    "a LAM worker before llama.cpp": ("mqtt", {}),
}


def rows_of_the_guide() -> dict[str, tuple[str, str]]:
    lines = GUIDE.read_text().split("## Who heals")[1].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][1:]
    return {name: (middle, before) for name, middle, before in cells}


def test_the_guide_has_a_row_for_each_kind_of_server() -> None:
    assert rows_of_the_guide().keys() == ANSWERS.keys()


@pytest.mark.sse
@pytest.mark.parametrize("name", ANSWERS)
async def test_servers_heal_as_the_guide_says(name: str, scripted: ScriptedServer, broker: Mosquitto, tmp_path: Path) -> None:
    way, state = ANSWERS[name]
    for attribute, value in state.items():
        setattr(scripted, attribute, value)
    async with reached(way, scripted.url, tmp_path / "data", broker) as gateway:
        scripted.reply = dies(3)
        _, middle = await answered(gateway)
        scripted.reply = dies(0)
        _, before = await answered(gateway)
    assert before["content"] in ("", "".join(PIECES))
    words = {"complete": "goes on", "interrupted": "ends"}
    outcome = (words[middle["status"]], "starts anew" if before["status"] == "complete" else "ends")
    assert outcome == rows_of_the_guide()[name]
