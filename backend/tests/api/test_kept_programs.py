"""Conversations of programs that `lam.toml` keeps: as sessions of their users, whole, and each of them once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from lam.client.client import Client
from lam.testing.server import Reply, ScriptedServer

from ..pictures import fetched, plain
from ..running import Gateway, collect, running_gateway
from .test_returned_pictures import uri

KEEP = "[programs]\nstore = true\n"


def says(role: str, text: str, **more: Any) -> Any:
    return {"role": role, "content": text} | more


@asynccontextmanager
async def keeping(scripted: ScriptedServer, tmp_path: Path, **settings: Any) -> AsyncIterator[Gateway]:
    """A gateway that keeps what programs say, with the server of the settings."""
    file = tmp_path / "lam.toml"
    file.write_text(KEEP)
    async with running_gateway(tmp_path / "data", lam_config=file, llm_server_url=scripted.url, **settings) as gateway:
        yield gateway


@asynccontextmanager
async def program(client: Client, gateway: Gateway, name: str = "Notebook") -> AsyncIterator[AsyncOpenAI]:
    made = await client.call("POST", "/api/keys", {"name": name})
    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=made["secret"], max_retries=0) as sdk:
        yield sdk


async def sessions(client: Client) -> list[Any]:
    return [*await client.call("GET", "/api/chatbot/sessions")]


async def messages(client: Client, session: Any) -> list[Any]:
    return [*await client.call("GET", f"/api/chatbot/sessions/{session['id']}/messages")]


async def ask(sdk: AsyncOpenAI, *turns: Any, **more: Any) -> Any:
    return (await sdk.chat.completions.create(model="scripted", messages=[*turns], **more)).choices[0].message


async def test_a_conversation_grows_in_one_session_of_its_program(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with keeping(scripted, tmp_path) as gateway, gateway.client() as client, program(client, gateway) as sdk:
        turns = [says("system", "Be brief."), says("user", "How are you, my dear machine?")]
        for answer, more in (("Fine.", "And now?"), ("Still fine.", "Really?"), ("Yes.", None)):
            scripted.reply = Reply((answer,))
            assert (await ask(sdk, *turns)).content == answer
            turns += [says("assistant", answer), says("user", more)]
        (session,) = await sessions(client)
        said = await messages(client, session)
        assert [(message["role"], message["content"]) for message in said] == [
            (turn["role"], turn["content"]) for turn in turns[1:-1]
        ]
        assert {message["metadata"]["program"] for message in said if message["role"] == "assistant"} == {"Notebook"}
        assert (session["title"], session["system_prompt"]) == ("How are you, my dear machine?", "Be brief.")
        assert session["message_count"] == len(said)
        folders = await client.call("GET", "/api/chatbot/folders")
        assert [(folder["name"], folder["id"]) for folder in folders] == [("Notebook", session["folder_id"])]


async def test_what_tools_answered_belongs_to_the_reply_that_called_them(scripted: ScriptedServer, tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": "it"}'}}
    line = json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0} | call]}}]})
    tools: Any = [{"type": "function", "function": {"name": "look"}}]
    async with keeping(scripted, tmp_path) as gateway, gateway.client() as client, program(client, gateway) as sdk:
        scripted.reply = Reply(("I look. ",), raw=(line,), finish_reason="tool_calls")
        asked = says("user", "What is it?")
        first = await ask(sdk, asked, tools=tools)
        assert first.tool_calls
        called = says("assistant", first.content, tool_calls=[first.tool_calls[0].model_dump()])
        scripted.reply = Reply(("A cat.",))
        result = says("tool", "it purrs", tool_call_id=first.tool_calls[0].id)
        await ask(sdk, asked, called, result, tools=tools)
        await ask(sdk, asked, called, result, says("assistant", "A cat."), says("user", "Sure?"), tools=tools)
        (session,) = await sessions(client)
        question, reply, *further = await messages(client, session)
        assert question["content"] == "What is it?"
        assert [part["type"] for part in reply["parts"]] == ["text", "tool_call", "tool_result"]
        assert reply["content"] == "I look. \n\nA cat."
        assert reply["parts"][2]["content"] == "it purrs"
        assert [message["content"] for message in further] == ["Sure?", "A cat."]


async def test_the_same_request_twice_is_two_sessions_that_go_on_apart(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("Same.",))
    async with keeping(scripted, tmp_path) as gateway, gateway.client() as client, program(client, gateway) as sdk:
        question = says("user", "Once?")
        await asyncio.gather(*(ask(sdk, question) for _ in range(8)))
        await asyncio.gather(*(ask(sdk, question, says("assistant", "Same."), says("user", f"{n}?")) for n in range(8)))
        lists = [await messages(client, session) for session in await sessions(client)]
        assert sorted(len(said) for said in lists) in ([2] * 7 + [4] * 8 + [4], [2] * 7 + [4] * 8)
        assert sum(any(message["content"] == f"{n}?" for message in said) for said in lists for n in range(8)) == 8


async def test_a_person_may_go_on_in_the_page_and_the_program_beside_them(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("Yes.",))
    async with keeping(scripted, tmp_path) as gateway, gateway.client() as client, program(client, gateway) as sdk:
        await ask(sdk, says("user", "Hot?"))
        (session,) = await sessions(client)
        await collect(client, session["id"], "Cold?")
        await ask(sdk, says("user", "Hot?"), says("assistant", "Yes."), says("user", "Warm?"))
        (session,) = await sessions(client)
        assert [message["content"] for message in await messages(client, session)] == ["Hot?", "Yes.", "Warm?", "Yes."]
        file = await client.call("GET", f"/api/chatbot/sessions/{session['id']}/export")
        assert "Cold?" in {message["content"] for message in file["messages"]}


@pytest.mark.parametrize("reply", [Reply(("Half",), fault="cut", after=1), Reply((), fault="server_error")])
async def test_a_run_that_failed_is_kept_as_one(scripted: ScriptedServer, tmp_path: Path, reply: Reply) -> None:
    scripted.reply = reply
    async with keeping(scripted, tmp_path, llm_timeout=1) as gateway, gateway.client() as client, program(client, gateway) as sdk:
        with pytest.raises(Exception, match=r"\w"):
            await ask(sdk, says("user", "Now?"))
        (session,) = await sessions(client)
        _, stored = await messages(client, session)
        assert stored["status"] in ("failed", "interrupted")
        assert stored["error"]["code"]


async def test_pictures_of_both_sides_are_kept(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.sees = True
    scripted.reply = Reply(("See: ", uri(plain()), "!"))
    picture = {"type": "image_url", "image_url": {"url": uri(plain())}}
    async with keeping(scripted, tmp_path) as gateway, gateway.client() as client, program(client, gateway) as sdk:
        turn = {"role": "user", "content": [picture, {"type": "text", "text": "Draw it"}]}
        await ask(sdk, turn)
        (session,) = await sessions(client)
        for message in await messages(client, session):
            images = [part for part in message["parts"] if part["type"] == "image"]
            assert len(images) == 1
            assert (await fetched(client, images[0]["id"]))[0] == 200


async def test_nobody_else_sees_a_conversation_that_is_kept(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with keeping(scripted, tmp_path) as gateway, gateway.client() as client, program(client, gateway) as sdk:
        scripted.reply = Reply(("Ours.",))
        await ask(sdk, says("user", "Whose?"))
        async with await gateway.user("other@example.org") as other, program(other, gateway) as theirs:
            assert await sessions(other) == []
            await ask(theirs, says("user", "Whose?"), says("assistant", "Ours."), says("user", "Mine?"))
            (own,) = await sessions(other)
            assert len(await messages(other, own)) == 4
        (session,) = await sessions(client)
        assert len(await messages(client, session)) == 2


async def test_who_has_no_room_for_a_session_gets_the_reply_all_the_same(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("Yes.",))
    async with (
        keeping(scripted, tmp_path, lam_max_sessions_per_user=1) as gateway,
        gateway.client() as client,
        program(client, gateway) as sdk,
    ):
        for number in range(3):
            assert (await ask(sdk, says("user", f"{number}?"))).content == "Yes."
        assert len(await sessions(client)) == 1


async def test_a_long_conversation_is_kept_whole_at_once(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.n_ctx = 1_000_000
    scripted.reply = Reply(("Yes.",))
    turns = [says("assistant" if number % 2 else "user", f"{number}") for number in range(2001)]
    async with keeping(scripted, tmp_path) as gateway, gateway.client() as client, program(client, gateway) as sdk:
        await ask(sdk, *turns)
        await ask(sdk, *turns, says("assistant", "Yes."), says("user", "More?"))
        (session,) = await sessions(client)
        assert session["message_count"] == 2004
        file = await client.call("GET", f"/api/chatbot/sessions/{session['id']}/export")
        assert [message["content"] for message in file["messages"]] == [turn["content"] for turn in turns] + [
            "Yes.",
            "More?",
            "Yes.",
        ]
        parents = [message["parent_id"] for message in file["messages"]]
        assert parents == [None, *(message["id"] for message in file["messages"][:-1])]
