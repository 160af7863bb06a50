"""Messages made of parts: documents that are sent as such, tool calls and tool results, over the API."""

import json
from typing import Any

import pytest

from lam.client.client import Client
from lam.errors import Invalid, RequestIdReused
from lam.protocol.chat import LONGEST_TEXT
from lam.protocol.events import Chunk, Done, Metadata, ToolCall, ToolResult
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, collect

MARK = '<document name="a.txt" characters="{}">\n{}\n</document>\n\n'
TEXT = {"name": "a.txt", "text": "x 🙂"}
WRITTEN = MARK.format(4, "x 🙂")


def document(name: str, text: str) -> dict[str, str]:
    return {"type": "document", "name": name, "text": text}


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


async def messages(client: Client, session: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
    return found


async def new_session(client: Client, **session: Any) -> int:
    return int((await client.create_session(**session))["id"])


async def test_documents_that_are_sent_are_parts_and_the_model_reads_them(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = await new_session(client)
        await collect(client, session, "What?", documents=[TEXT, {"name": "b", "text": ""}])
        asked, reply = await messages(client, session)
        assert asked["parts"] == [document("a.txt", "x 🙂"), document("b", ""), text("What?")]
        assert asked["content"] == WRITTEN + MARK.format(0, "").replace("a.txt", "b") + "What?"
        assert reply["parts"] == [text(reply["content"])]
        assert (await client.call("GET", f"/api/chatbot/sessions/{session}"))["title"] == "What?"
    assert scripted.requests[0].body["messages"][-1]["content"] == asked["content"]


async def test_both_ways_to_send_take_documents(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = await new_session(client)
        body = {"session_id": session, "content": "What?", "documents": [TEXT]}
        sent = await client.call("POST", "/api/chatbot/messages", body)
        assert sent["user_message"]["parts"] == [document("a.txt", "x 🙂"), text("What?")]


async def test_a_client_of_the_first_release_sends_documents_in_the_text(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = await new_session(client)
        await collect(client, session, WRITTEN + "What?")
        assert (await messages(client, session))[0]["parts"] == [document("a.txt", "x 🙂"), text("What?")]


async def test_who_sends_documents_as_such_may_quote_their_marks(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = await new_session(client)
        await collect(client, session, WRITTEN + "is how it is written", documents=[])
        await collect(client, session, WRITTEN, documents=[TEXT])
        first, _, second, _ = await messages(client, session)
        assert first["parts"] == [text(WRITTEN + "is how it is written")]
        assert second["parts"] == [document("a.txt", "x 🙂"), text(WRITTEN)]


@pytest.mark.parametrize("content", [None, "", " \n"])
async def test_a_document_says_enough_by_itself(content: str | None, gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = await new_session(client)
        assert isinstance((await collect(client, session, content, documents=[TEXT]))[-1], Done)
        asked = (await messages(client, session))[0]
        assert asked["parts"] == [document("a.txt", "x 🙂"), *([text(content)] if content else [])]
        assert (await client.call("GET", f"/api/chatbot/sessions/{session}"))["title"] == "a.txt"


async def test_a_name_keeps_its_quotes_though_they_would_break_the_marks(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = await new_session(client)
        await collect(client, session, "What?", documents=[{"name": 'the "plan".txt', "text": "x"}])
        asked = (await messages(client, session))[0]
        assert asked["parts"][0] == document('the "plan".txt', "x")
        assert asked["content"].startswith("<document name=\"the 'plan'.txt\"")


ROOM = LONGEST_TEXT - len(MARK.format("99900", "") + "What?")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"content": " "}, "content: must not be blank"),
        ({"content": " ", "documents": []}, "content: must not be blank"),
        ({"documents": []}, "content: is required"),
        ({"content": "What?", "documents": [{"name": "a.txt", "text": "x" * (ROOM + 1)}]}, "100001 characters; 100000 can be sent"),
        ({"regenerate": True, "documents": [TEXT]}, "takes no content, no documents"),
        ({"content": "What?", "documents": [{"name": "a.txt"}]}, "text"),
        ({"content": "What?", "documents": TEXT}, "documents"),
    ],
)
async def test_what_cannot_be_sent_is_refused_and_nothing_is_stored(body: dict[str, Any], words: str, gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = await new_session(client)
        with pytest.raises(Invalid, match=words):
            await client.call("POST", "/api/chatbot/messages", {"session_id": session} | body)
        assert await messages(client, session) == []


async def test_the_longest_message_with_its_documents_is_sent(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = await new_session(client)
        await collect(client, session, "What?", documents=[{"name": "a.txt", "text": "x" * ROOM}])
        assert len((await messages(client, session))[0]["content"]) == LONGEST_TEXT


async def test_a_request_id_stands_for_the_documents_too(gateway: Gateway, scripted: ScriptedServer) -> None:
    """Also for a page that was loaded before the gateway was brought up to date, and asks again after it."""
    async with gateway.client() as client:
        session = await new_session(client)
        first = await collect(client, session, "What?", documents=[TEXT], client_request_id="r")
        assert await collect(client, session, "What?", documents=[TEXT], client_request_id="r") == first
        assert await collect(client, session, WRITTEN + "What?", client_request_id="r") == first
        with pytest.raises(RequestIdReused):
            await collect(client, session, "What?", documents=[{"name": "a.txt", "text": "y"}], client_request_id="r")
    assert len(scripted.requests) == 1


async def test_a_turn_is_edited_with_its_documents(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = await new_session(client)
        await collect(client, session, "What?", documents=[TEXT])
        await collect(client, session, "Why?", documents=[TEXT], parent_id=0)
        asked = (await messages(client, session))[0]
        assert asked["parts"] == [document("a.txt", "x 🙂"), text("Why?")]
        assert len(asked["siblings"]) == 2


async def test_documents_are_found_read_and_carried_away(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = await new_session(client, title="-")
        await collect(client, session, "What?", documents=[{"name": 'a "b".txt', "text": "the needle"}])
        [found] = (await client.call("GET", "/api/chatbot/search?q=needle"))["results"]
        assert "<document" not in "".join(piece["text"] for piece in found["snippet"])
        async with client._http.get(f"{client.url}/api/chatbot/sessions/{session}/export?format=markdown") as response:
            assert '## You\n\n**a "b".txt**\n\n> the needle\n\nWhat?\n' in await response.text()
        file = await client.call("GET", f"/api/chatbot/sessions/{session}/export")
        made = await client.call("POST", "/api/chatbot/sessions/import", file)
        assert (await messages(client, made["id"]))[0]["parts"] == (await messages(client, session))[0]["parts"]


def file_with(**changes: Any) -> dict[str, Any]:
    asked = {"id": 1, "role": "user", "content": WRITTEN + "Look", "parts": [document("a.txt", "x 🙂"), text("Look")]}
    reply = {"id": 2, "role": "assistant", "parent_id": 1, "content": "I look.", "thinking": "hm"}
    return {"format": "lam-session", "version": 1, "session": {"title": "T"}, "messages": [asked, reply | changes]}


CALL = {"type": "tool_call", "id": "c1", "name": "look", "arguments": '{"at": "it"}'}
RESULT = {"type": "tool_result", "id": "c1", "content": "a cat"}


async def test_tool_calls_and_their_results_travel_stream_and_are_told(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        parts = [text("I look."), CALL, RESULT]
        made = await client.call("POST", "/api/chatbot/sessions/import", file_with(parts=parts))
        reply = (await messages(client, made["id"]))[1]
        assert reply["parts"] == parts
        assert reply["metadata"]["tool_calls"] == [{"id": "c1", "name": "look", "arguments": '{"at": "it"}'}]
        events = [event async for _, event in client.follow(reply["stream_id"])]
        assert isinstance(events[0], Metadata)
        assert events[2:-1] == [Chunk("I look."), ToolCall(0, "c1", "look", '{"at": "it"}'), ToolResult("c1", "a cat")]
        again = await client.call("GET", f"/api/chatbot/sessions/{made['id']}/export")
        assert again["messages"][1]["parts"] == parts
        async with client._http.get(f"{client.url}/api/chatbot/sessions/{made['id']}/export?format=markdown") as response:
            assert 'Tool call: `look`\n\n```json\n{"at": "it"}\n```\n\nTool result:\n\n> a cat\n' in await response.text()
        await collect(client, made["id"], "And?")
    told = scripted.requests[-1].body["messages"]
    assert [turn["role"] for turn in told] == ["user", "assistant", "user"]
    assert told[1]["content"] == 'I look.\n<tool_call>\n{"name": "look", "arguments": {"at": "it"}}\n</tool_call>'
    assert told[2]["content"] == '<tool_response>\n{"name": "look", "content": "a cat"}\n</tool_response>\n\nAnd?'


async def test_a_file_of_the_first_release_is_taken_apart(gateway: Gateway) -> None:
    async with gateway.client() as client:
        call = {"id": None, "name": "look", "arguments": "{}"}
        file = file_with(metadata={"tool_calls": [call]})
        del file["messages"][0]["parts"]
        made = await client.call("POST", "/api/chatbot/sessions/import", file)
        asked, reply = await messages(client, made["id"])
        assert asked["parts"] == [document("a.txt", "x 🙂"), text("Look")]
        assert reply["parts"] == [text("I look."), {"type": "tool_call"} | call]
        assert reply["metadata"]["tool_calls"] == [call]


async def test_a_text_that_was_changed_in_the_file_counts(gateway: Gateway) -> None:
    async with gateway.client() as client:
        file = json.loads(json.dumps(file_with()).replace("Look", "See", 1))
        made = await client.call("POST", "/api/chatbot/sessions/import", file)
        asked = (await messages(client, made["id"]))[0]
        assert asked["parts"] == [document("a.txt", "x 🙂"), text("See")]


@pytest.mark.parametrize("part", [{"type": "hologram"}, {"type": "document", "name": "a"}, "text"])
async def test_a_file_with_a_part_of_no_known_kind_is_refused(part: Any, gateway: Gateway) -> None:
    async with gateway.client() as client:
        with pytest.raises(Invalid, match="parts"):
            await client.call("POST", "/api/chatbot/sessions/import", file_with(parts=[part]))


async def test_a_tool_call_is_a_part_of_the_reply_that_is_stored(gateway: Gateway, scripted: ScriptedServer) -> None:
    call = {"index": 0, "id": "c1", "function": {"name": "look", "arguments": '{"at": "it"}'}}
    scripted.reply = Reply((), raw=(json.dumps({"choices": [{"delta": {"tool_calls": [call]}}]}),), finish_reason="tool_calls")
    async with gateway.client() as client:
        session = await new_session(client)
        await collect(client, session)
        reply = (await messages(client, session))[1]
        assert reply["parts"] == [CALL]
        assert reply["metadata"] == {
            "mode": "sse",
            "model": reply["metadata"]["model"],
            "simulated": False,
            "finish_reason": "tool_calls",
            "tool_calls": [{"id": "c1", "name": "look", "arguments": '{"at": "it"}'}],
        }
