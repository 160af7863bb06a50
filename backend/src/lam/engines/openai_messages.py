"""Turns as the messages of OpenAI's chat completions: texts, and pictures as data URIs where they stand. Pure.

A picture is never referred to by an address: the server would fetch it, and tell somebody else who reads it. Only messages of the
user may have pictures: those that a model or a tool returned stand at the beginning of the next one.
"""

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Final

from lam.protocol.chat import ChatRequest, Picture, Turn

RETURNED: Final = "[picture]"  # an answer that was nothing but pictures

Message = dict[str, Any]


def messages(turns: Iterable[Turn], uris: Mapping[str, str]) -> list[Message]:
    """Returns the messages. `uris`: data URIs of the pictures by their hashes; a picture without one is left out."""
    result: list[Message] = []
    returned: list[Message] = []
    content: list[Message] | str | None
    for turn in turns:
        parts = _parts(turn, uris)
        pictures = [part for part in parts if part["type"] != "text"]
        if turn.role == "user":
            content = [*returned, *parts] if returned or pictures else turn.content
            returned = []
        else:
            content = turn.content or (RETURNED if pictures else None if turn.calls else "")
            returned += pictures
        result.append({"role": turn.role, "content": content} | _tools_of(turn))
    if returned and result[-1]["role"] == "tool":
        result.append({"role": "user", "content": returned})
    return result


def tool_fields(request: ChatRequest, *, llama: bool) -> Message:
    """Returns the fields of a request that are about tools. llama.cpp cannot be held to one of several: it gets that one alone."""
    choice, tools = request.tool_choice, request.tools
    if not tools:
        return {}
    fields: Message = {}
    if choice is not None and choice.name is not None and llama:
        tools = tuple(tool for tool in tools if tool.name == choice.name)
        fields["tool_choice"] = "required"
    elif choice is not None and choice.name is not None:
        fields["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
    elif choice is not None:
        fields["tool_choice"] = choice.mode
    if request.parallel_tools is not None:
        fields["parallel_tool_calls"] = request.parallel_tools
    return {"tools": [{"type": "function", "function": tool} for tool in tools]} | fields


def _tools_of(turn: Turn) -> Message:
    if turn.role == "tool":
        return {"tool_call_id": turn.call_id or ""}
    if not turn.calls:
        return {}
    return ({"reasoning_content": turn.thinking} if turn.thinking else {}) | {
        "tool_calls": [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in turn.calls
        ]
    }


def data_uri(picture: Picture, data: bytes) -> str:
    """Returns a picture as a data URI."""
    return f"data:{picture.type};base64,{base64.b64encode(data).decode()}"


def _parts(turn: Turn, uris: Mapping[str, str]) -> list[Message]:
    pictures = [picture for picture in turn.pictures if picture.sha256 in uris]
    parts: list[Message] = []
    start = 0
    for picture in sorted(pictures, key=lambda picture: picture.at):
        parts += _text(turn.content[start : picture.at])
        parts.append({"type": "image_url", "image_url": {"url": uris[picture.sha256]}})
        start = max(start, picture.at)
    return parts + _text(turn.content[start:])


def _text(text: str) -> list[Message]:
    return [{"type": "text", "text": text}] if text else []
