"""Settings of sampling: where they come from, where they are kept, what the model server is sent."""

from typing import Any

import pytest

from lam.errors import Invalid, LamError
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, collect

SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}
CHOSEN: dict[str, Any] = {
    "temperature": 0,
    "top_p": 0.5,
    "max_tokens": 9,
    "top_k": 40,
    "min_p": 0.05,
    "typical_p": 0.9,
    "seed": 7,
    "stop": ["END"],
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "repeat_penalty": 1.1,
    "response_format": SCHEMA,
    "reasoning": "off",
}
FOR_LLAMA = {name: value for name, value in CHOSEN.items() if name != "reasoning"}


async def test_a_session_keeps_every_setting_and_the_server_is_sent_them(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = await client.create_session(**CHOSEN)
        path = f"/api/chatbot/sessions/{session['id']}"
        assert {name: session[name] for name in CHOSEN} == CHOSEN
        assert await client.call("GET", path) == session
        assert {name: (await client.call("GET", "/api/chatbot/sessions"))[0][name] for name in CHOSEN} == CHOSEN
        await collect(client, session["id"])
    body = scripted.requests[0].body
    assert {name: body[name] for name in FOR_LLAMA} == FOR_LLAMA
    assert body["chat_template_kwargs"] == {"enable_thinking": False}


async def test_a_patch_changes_one_setting_and_null_clears_it(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = await client.create_session(seed=7, top_k=40)
        path = f"/api/chatbot/sessions/{session['id']}"
        changed = await client.call("PATCH", path, {"seed": None, "stop": ["END"], "title": "Renamed"})
        assert (changed["seed"], changed["top_k"], changed["stop"], changed["title"]) == (None, 40, ["END"], "Renamed")
        cleared = await client.call("PATCH", path, {"top_k": None, "stop": None})
        assert all(cleared[name] is None for name in CHOSEN)
        await collect(client, session["id"])
    assert not (set(CHOSEN) - {"temperature", "top_p", "max_tokens"}) & set(scripted.requests[0].body)


async def test_a_message_chooses_for_itself_and_null_clears_nothing(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session(seed=7, stop=["END"]))["id"]
        await collect(client, session, seed=0, stop=None, min_p=0)
        await collect(client, session, "Again", stop=[])
    bodies = [request.body for request in scripted.requests]
    assert (bodies[0]["seed"], bodies[0]["stop"], bodies[0]["min_p"]) == (0, ["END"], 0)
    assert bodies[1]["stop"] == []
    assert "min_p" not in bodies[1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("top_k", -1),
        ("min_p", 2),
        ("seed", 2**32),
        ("stop", "END"),
        ("stop", [""]),
        ("stop", ["a"] * 5),
        ("presence_penalty", 3),
        ("repeat_penalty", 0),
        ("response_format", {"type": "json_schema"}),
        ("response_format", {"type": "yaml"}),
        ("reasoning", "hard"),
        ("reasoning", 0),
    ],
)
async def test_a_value_beyond_its_range_is_422_in_a_session_and_in_a_message(gateway: Gateway, name: str, value: Any) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        for method, path, body in (
            ("POST", "/api/chatbot/sessions", {}),
            ("PATCH", f"/api/chatbot/sessions/{session}", {}),
            ("POST", "/api/chatbot/messages", {"session_id": session, "content": "hi"}),
        ):
            with pytest.raises(LamError) as caught:
                await client.call(method, path, body | {name: value})
            assert isinstance(caught.value, Invalid)
            assert name in caught.value.message


async def test_a_reply_that_goes_on_is_held_to_no_schema(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("Once",), finish_reason="length")
    async with gateway.client() as client:
        session = (await client.create_session(response_format=SCHEMA, seed=7))["id"]
        await collect(client, session)
        await client.call("POST", "/api/chatbot/messages", {"session_id": session, "continue": True})
    going_on = scripted.requests[-1].body
    assert going_on["messages"][-1]["role"] == "assistant"
    assert going_on["seed"] == 7
    assert "response_format" not in going_on


async def test_a_message_decides_about_thinking_for_itself(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session(reasoning="off"))["id"]
        await collect(client, session)
        await collect(client, session, "Think", reasoning="auto")
        await collect(client, session, "Think a little", reasoning=64)
    bodies = [request.body for request in scripted.requests]
    assert bodies[0]["chat_template_kwargs"] == {"enable_thinking": False}
    assert "chat_template_kwargs" not in bodies[1]
    assert bodies[2]["thinking_budget_tokens"] == 64


async def test_an_exported_session_brings_its_settings_along(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = (await client.create_session(**CHOSEN))["id"]
        file = await client.call("GET", f"/api/chatbot/sessions/{session}/export")
        again = await client.call("POST", "/api/chatbot/sessions/import", file)
    assert {name: again[name] for name in CHOSEN} == CHOSEN
