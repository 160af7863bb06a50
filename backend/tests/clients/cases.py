"""What every client is asked for, how the scripted model answers, and what must come of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from lam.testing.server import Reply, ScriptedServer, pictures_in

from .running import Answer

STORY = ("Once", " upon", " a", " time")
TOWN = {"city": "Paris", "people": 2}
CITY = {"city": "Paris"}
LONG = Reply(tuple(f"word{number} " for number in range(4000)), rate=20)
Check = Callable[[Answer, ScriptedServer], Awaitable[None] | None]


def called(name: str, arguments: dict[str, Any]) -> Reply:
    """A reply that is a call, its arguments in pieces."""
    text = json.dumps(arguments)
    first = {"index": 0, "id": "call_abc", "type": "function", "function": {"name": name, "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": text[start : start + 5]}} for start in range(0, len(text), 5)]
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]} for call in (first, *pieces)]
    return Reply((), raw=tuple(map(json.dumps, chunks)), finish_reason="tool_calls")


def model(body: dict[str, Any], case: str) -> Reply:
    """What the model answers to a request in this case."""
    if case == "abort":
        return LONG
    if case == "broken":
        return Reply(STORY, fault="error_data", after=2, rate=50)
    tools, choice = body.get("tools") or [], body.get("tool_choice")
    if case == "tools":
        last = body["messages"][-1]
        return Reply(("It is ", last["content"], ".")) if last["role"] == "tool" else called("get_weather", CITY)
    if tools and choice not in (None, "none"):  # a client that asks for data by a tool
        return called(tools[0]["function"]["name"], TOWN)
    return Reply((json.dumps(TOWN),)) if case == "schema" else Reply(STORY, rate=10)


def _texts(found: Answer, _server: ScriptedServer) -> None:
    if "value" in found:  # a client that knows no plain texts
        assert found["value"] == TOWN, found
        return
    assert found["text"] == "".join(STORY), found
    assert found["usage"] == [10, 4], found


def _streamed(found: Answer, server: ScriptedServer) -> None:
    _texts(found, server)
    assert "value" in found or found["pieces"] > 1, found


def _tools(found: Answer, server: ScriptedServer) -> None:
    assert (found["name"], found["arguments"]) == ("get_weather", CITY), found
    assert found["text"] == "It is sunny.", found
    first, second = (request.body for request in server.requests[-2:])
    assert first["tools"][0]["function"]["parameters"]["properties"]["city"]["type"] == "string"
    call = next(turn for turn in second["messages"] if turn.get("tool_calls"))["tool_calls"][0]
    assert json.loads(call["function"]["arguments"]) == CITY
    assert second["messages"][-1] == {"role": "tool", "content": "sunny", "tool_call_id": call["id"]}


def _schema(found: Answer, server: ScriptedServer) -> None:
    assert found["value"] == TOWN, found
    body = server.requests[-1].body
    wanted = body.get("response_format") or body["tools"]
    assert "people" in json.dumps(wanted)


def _picture(found: Answer, server: ScriptedServer) -> None:
    assert found.get("value") == TOWN or found["text"] == "".join(STORY), found
    [uri] = pictures_in(server.requests[-1].body)
    assert uri.startswith("data:image/")


async def _abort(found: Answer, server: ScriptedServer) -> None:
    assert found["pieces"] == 1, found
    assert "error" not in found, found
    async with asyncio.timeout(20):  # goal: 1 s; what is to end in time here runs in several processes
        while server.active:
            await asyncio.sleep(0.01)
    assert server.requests[-1].left_early


def _limited(found: Answer, _server: ScriptedServer) -> None:
    assert "error" in found, found
    assert found["status"] == 429 or "429" in found["message"], found


def _broken(found: Answer, _server: ScriptedServer) -> None:
    assert "error" in found, found
    assert found["text"] in ("Once upon", ""), found


CHECKS: Final[dict[str, Check]] = {
    "whole": _texts,
    "stream": _streamed,
    "tools": _tools,
    "schema": _schema,
    "picture": _picture,
    "abort": _abort,
    "limited": _limited,
    "broken": _broken,
}
