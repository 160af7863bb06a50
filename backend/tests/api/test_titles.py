"""Titles that nobody gave."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lam.chat.titles import QUESTION, TOKENS
from lam.client.client import Client
from lam.protocol.events import Done
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, collect, running_gateway
from ..waiting import until

TITLE = Reply(("A ", "Fine ", "Title"))


@pytest.fixture
async def titled(scripted: ScriptedServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_titles=True, llm_slots=1) as gateway:
        yield gateway


def asks_for_title(body: dict[str, Any]) -> bool:
    return body["messages"][-1]["content"] == QUESTION


async def title(client: Client, session: int) -> str:
    found: str = (await client.call("GET", f"/api/chatbot/sessions/{session}"))["title"]
    return found


async def until_title(client: Client, session: int, wanted: str) -> None:
    async with asyncio.timeout(20):
        while await title(client, session) != wanted:
            await asyncio.sleep(0.01)


def idle(gateway: Gateway) -> bool:
    """No run, and no question for a title."""
    return not (gateway.parts.supervisor.running() or gateway.parts.catalog.queue.in_use)


async def test_the_first_reply_brings_a_title_from_the_model(titled: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = lambda body: TITLE if asks_for_title(body) else Reply()
    async with titled.client() as client:
        session = (await client.create_session(system_prompt="Be brief"))["id"]
        assert await title(client, session) == "New Chat"
        await collect(client, session, "Tell me a story")
        await until_title(client, session, "A Fine Title")
        asked, question = [request.body for request in scripted.requests]
        assert question["messages"][: len(asked["messages"])] == asked["messages"], "the prompt cache needs the same prefix"
        assert question["messages"][-2] == {"role": "assistant", "content": "Once upon a time"}
        assert question["max_tokens"] == TOKENS
        await collect(client, session, "Another one")
        await until(lambda: idle(titled))
        assert len(scripted.requests) == 3, "one title is enough"
        usage = await client.call("GET", "/api/usage")
        assert usage["total"]["generations"] == 3


async def test_until_then_the_first_words_serve_and_a_given_title_stays(titled: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = lambda body: Reply(TITLE.pieces, hold=True) if asks_for_title(body) else Reply()
    async with titled.client() as client:
        session, named = (await client.create_session())["id"], (await client.create_session(title="New Chat"))["id"]
        await collect(client, session, "Tell me  a story")
        assert await title(client, session) == "Tell me a story"
        await scripted.arrival(2)
        await client.call("PATCH", f"/api/chatbot/sessions/{session}", {"title": "Mine"})
        scripted.step(3)
        while scripted.active:
            await asyncio.sleep(0.01)
        await collect(client, named, "Hello")
        await until(lambda: idle(titled))
        assert (await title(client, session), await title(client, named)) == ("Mine", "New Chat")
        assert len(scripted.requests) == 3


async def test_a_title_makes_way_for_a_reply_and_is_asked_for_again(titled: Gateway, scripted: ScriptedServer) -> None:
    """One slot: the question for the title has it when the next message comes."""
    scripted.slots = 1
    patient = True

    def plan(body: dict[str, Any]) -> Reply:
        return Reply(TITLE.pieces, hold=patient) if asks_for_title(body) else Reply()

    scripted.reply = plan
    async with titled.client() as client:
        session = (await client.create_session())["id"]
        await collect(client, session, "First")
        question = await scripted.arrival(2)
        assert asks_for_title(question.body)
        patient = False
        events = await asyncio.wait_for(collect(client, session, "Second"), 20)
        assert isinstance(events[-1], Done)
        await until(lambda: question.left_early)
        await until_title(client, session, "A Fine Title")


async def test_no_title_is_asked_for_while_somebody_waits(titled: Gateway, scripted: ScriptedServer) -> None:
    """One slot: the second reply has waited for the first, and comes before the title of the first."""
    scripted.reply = lambda body: TITLE if asks_for_title(body) else Reply(("a", "b"), hold=True)
    async with titled.client() as client:
        one, two = [(await client.create_session())["id"] for _ in range(2)]
        first = asyncio.create_task(collect(client, one, "say one"))
        await scripted.arrival()
        second = asyncio.create_task(collect(client, two, "say two"))
        while titled.parts.catalog.queue.waiting == 0:
            await asyncio.sleep(0.005)
        scripted.step(2)
        await first
        await scripted.arrival(2)
        while len(titled.parts.supervisor.running()) > 1 or any(task.get_name() == f"title-{one}" for task in asyncio.all_tasks()):
            await asyncio.sleep(0.005)  # until the title of the first has found no place
        scripted.step(2)
        await second
        await scripted.arrival(3)
        assert [asks_for_title(request.body) for request in scripted.requests] == [False, False, True]
        await until_title(client, two, "A Fine Title")
        assert await title(client, one) == "say one"


async def test_a_reply_that_failed_or_a_title_without_words_leaves_the_first_words(
    titled: Gateway, scripted: ScriptedServer
) -> None:
    async with titled.client() as client:
        session = (await client.create_session())["id"]
        scripted.reply = Reply(fault="server_error")
        await collect(client, session, "First words")
        assert len(scripted.requests) == 1
        scripted.reply = lambda body: Reply(('"…"',)) if asks_for_title(body) else Reply()
        await collect(client, session, "Second words")
        await scripted.arrival(3)
        while scripted.active:
            await asyncio.sleep(0.01)
        assert await title(client, session) == "First words"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('<document name="report.pdf" characters="3">\nabc\n</document>\n\nWhat does it say?', "What does it say?"),
        ('<document name="report.pdf" characters="3">\nabc\n</document>\n\n', "report.pdf"),
        (
            '<document name="a" characters="3">\nabc\n</document>\n\n<document name="b" characters="2">\nde\n</document>\n\nBoth?',
            "Both?",
        ),
        ('<document name="emoji" characters="2">\n🙂\n</document>\n\nSo?', "So?"),
        ("<document> is an element", "<document> is an element"),
    ],
)
async def test_a_session_that_begins_with_a_document_is_called_after_the_question(
    content: str, expected: str, gateway: Gateway
) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        await collect(client, session, content)
        assert await title(client, session) == expected
        document = await client._http.get(f"{client.url}/api/chatbot/sessions/{session}/export?format=markdown")
        assert "<document name=" not in await document.text()


async def test_a_route_that_thinks_gives_no_title_of_its_thoughts(titled: Gateway, scripted: ScriptedServer) -> None:
    def plan(body: dict[str, Any]) -> Reply:
        if asks_for_title(body):
            return Reply(("Okay, the user", " wants a title"), finish_reason="length")
        return Reply(("Let me see.\n</think>\n", "Four."))

    scripted.reply = plan
    async with titled.client() as client:
        session = (await client.create_session())["id"]
        await collect(client, session, "How much is two and two?")
        await scripted.arrival(2)
        await until(lambda: idle(titled))
        assert await title(client, session) == "How much is two and two?"
