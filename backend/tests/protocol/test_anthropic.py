"""Anthropic's messages: what is read of a request, and replies against Anthropic's own description of them."""

import base64
import contextlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import llm_comply
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lam.errors import Invalid
from lam.protocol.anthropic import program_request, read_asked, read_counted, wants_thoughts
from lam.protocol.anthropic_reply import Answer, Stream, failure, models_page, whole
from lam.protocol.chat import Turn
from lam.protocol.events import Chunk, Done, Error, Event, Metadata, Progress, Relabel, Thinking, ToolCall, Usage
from lam.protocol.programs import ProgramRequest
from lam.protocol.snapshot import Snapshot
from lam.protocol.sse import Decoder
from lam.protocol.tools import Call, Tool, ToolChoice

SPEC = json.loads((Path(llm_comply.__file__).parent / "specs" / "anthropic.json").read_text())
ANSWER = Answer(id="msg_1", model="m", request_id="req_1", prompt_tokens=7, thoughts=True)
USAGE = Usage(10, 4, 14, 3)
STATUSES = {"llm_overloaded": 503, "context_exceeded": 422}
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}}
PIXEL = base64.b64encode(b"a picture").decode()


@cache
def described(name: str) -> Any:
    """What Anthropic's description says of a value."""
    return jsonschema_rs.validator_for({"$ref": f"#/components/schemas/{name}", "components": SPEC["components"]})


def read(**fields: Any) -> ProgramRequest:
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]} | fields
    return program_request(read_asked(json.dumps(body).encode()))


def said(content: Any, role: str = "user") -> tuple[Turn, ...]:
    return read(messages=[{"role": role, "content": content}]).turns


def streamed(events: Iterable[Event], answer: Answer = ANSWER, *, at_once: bool = False, **options: Any) -> list[dict[str, Any]]:
    """The events of a stream, each of which fits its description."""
    stream = Stream(answer, statuses=STATUSES, **options)
    events = list(events)
    wire = stream.lines(events) if at_once else b"".join(stream.lines([event]) for event in events)
    found = []
    for event in Decoder().feed(wire):
        data = json.loads(event.data)
        assert data["type"] == event.event.decode()
        if data["type"] not in ("ping", "error"):
            described("MessageStreamEvent").validate(data)
        found.append(data)
    return found


def folded(events: list[dict[str, Any]]) -> dict[str, Any]:
    """What an SDK makes of a stream: blocks begin and end one after the other."""
    message: dict[str, Any] = {}
    texts: list[str] = []
    is_open = False
    for event in events:
        match event["type"]:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                assert not is_open
                assert event["index"] == len(message["content"])
                message["content"].append(event["content_block"])
                texts, is_open = [], True
            case "content_block_delta":
                assert is_open
                assert event["index"] == len(message["content"]) - 1
                texts.append(next(value for name, value in event["delta"].items() if name != "type"))
            case "content_block_stop":
                block, is_open = message["content"][event["index"]], False
                if block["type"] == "tool_use":
                    block["input"] = json.loads("".join(texts) or "{}")
                else:
                    block[block["type"]] = "".join(texts)
            case "message_delta":
                message |= event["delta"]
                message["usage"] |= event["usage"]
    assert not is_open
    return message


def made_whole(events: Iterable[Event], answer: Answer = ANSWER) -> dict[str, Any]:
    snapshot = Snapshot()
    for event in events:
        snapshot.add(event)
    assert isinstance(snapshot.terminal, Done)
    message: dict[str, Any] = msgspec.to_builtins(whole(answer, snapshot, snapshot.terminal))
    described("Message").validate(message)
    return message


def done(text: str, reason: Any = "stop") -> Done:
    return Done(None, text, reason, "m", False, USAGE)


# Requests


def test_a_text_is_a_turn_of_the_user() -> None:
    request = read()
    assert (request.model, request.turns, request.choices.max_tokens) == ("m", (Turn("user", "Hello"),), 5)


@pytest.mark.parametrize("system", ["Be short.", [{"type": "text", "text": "Be short.", "cache_control": {"type": "ephemeral"}}]])
def test_the_system_prompt_is_the_first_turn(system: Any) -> None:
    assert read(system=system).turns[0] == Turn("system", "Be short.")


def test_the_settings_are_read() -> None:
    choices = read(temperature=0, top_p=0.5, top_k=3, stop_sequences=["END"]).choices
    assert (choices.temperature, choices.top_p, choices.top_k, choices.stop) == (0, 0.5, 3, ("END",))


@pytest.mark.parametrize(
    ("thinking", "reasoning", "shown"),
    [
        (None, None, False),
        ({"type": "disabled"}, "off", False),
        ({"type": "enabled", "budget_tokens": 2048}, 2048, True),
        ({"type": "adaptive"}, "auto", True),
    ],
)
def test_only_who_asks_for_thoughts_gets_them(thinking: Any, reasoning: Any, shown: bool) -> None:
    body = json.dumps({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "?"}], "thinking": thinking})
    asked = read_asked(body.encode())
    assert (program_request(asked).choices.reasoning, wants_thoughts(asked)) == (reasoning, shown)


def test_a_call_and_its_result_are_turns_of_their_own() -> None:
    call = {"type": "tool_use", "id": "a", "name": "get_weather", "input": {"city": "Paris"}}
    thought = {"type": "thinking", "thinking": "Hm.", "signature": ""}
    results = [{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "sunny"}]}]
    request = read(
        messages=[
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": [thought, {"type": "text", "text": "I ask."}, call]},
            {"role": "user", "content": [*results, {"type": "text", "text": "And?"}]},
        ],
        tools=[{"name": "get_weather", "description": "d", "input_schema": WEATHER}],
    )
    assert request.turns[1:] == (
        Turn("assistant", "I ask.", (), (Call("a", "get_weather", '{"city": "Paris"}'),)),
        Turn("tool", "sunny", call_id="a"),
        Turn("user", "And?"),
    )
    assert request.tools == (Tool(name="get_weather", description="d", parameters=WEATHER),)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, ToolChoice("auto")),
        ({"type": "none"}, ToolChoice("none")),
        ({"type": "any"}, ToolChoice("required")),
        ({"type": "tool", "name": "t"}, ToolChoice("required", "t")),
    ],
)
def test_the_choice_of_a_tool_is_read(choice: Any, expected: ToolChoice) -> None:
    tools = [{"type": "custom", "name": "t", "input_schema": {}}]
    request = read(tools=tools, tool_choice=choice | {"disable_parallel_tool_use": True})
    assert (request.tool_choice, request.parallel_tools) == (expected, False)


def test_a_picture_stands_where_it_was() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    request = read(
        messages=[{"role": "user", "content": [{"type": "text", "text": "Look: "}, {"type": "image", "source": source}]}]
    )
    [picture] = request.turns[0].pictures
    assert (picture.at, request.files[picture.id]) == (6, b"a picture")


def test_a_schema_is_the_format_of_the_answer() -> None:
    wanted = {"type": "json_schema", "schema": WEATHER}
    for fields in ({"output_config": {"format": wanted}}, {"output_format": wanted}):
        found = read(**fields).choices.response_format
        assert found is not None
        assert found.json_schema is not None
        assert found.json_schema.schema == WEATHER


def test_documents_of_text_are_read() -> None:
    plain = {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "abc"}}
    parts = {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "def"}]}}
    assert said([plain, parts])[0].content == "T\nabc\n\ndef"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages"),
        ({"messages": [{"role": "assistant", "content": []}]}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "audio"}]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "a", "name": "b"}]}]}, "messages.0.content.0"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": [1]}]}]},
            "messages.0.content.0.input",
        ),
        ({"temperature": 1.5}, "temperature"),
        ({"stop_sequences": ["a", "b", "c", "d", "e"]}, "stop_sequences"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools.0"),
        ({"tools": [{"name": "t"}]}, "tools.0.input_schema"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"tools": [{"name": "t", "input_schema": {}}], "tool_choice": {"type": "tool", "name": "u"}}, "tool_choice.name"),
        ({"mcp_servers": [{"url": "x"}]}, "mcp_servers"),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"x": "y" * 40_000}}}}, "output_config.format.schema"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_name_of_its_field(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Invalid) as raised:
        read(**fields)
    assert raised.value.message.startswith(sentence)


@pytest.mark.parametrize(
    "source",
    [{"type": "url", "url": "http://127.0.0.1/"}, {"type": "file", "file_id": "f"}, {"type": "base64", "data": "no base64!"}],
)
@pytest.mark.parametrize("kind", ["image", "document"])
def test_nothing_is_fetched_from_elsewhere(source: Any, kind: str) -> None:
    with pytest.raises(Invalid, match=r"^messages\.0\.content\.0\.source"):
        said([{"type": kind, "source": source}])


NAMES = st.sampled_from(["model", "messages", "role", "content", "type", "max_tokens", "source", "text", "tools", "name"])
WORDS = st.sampled_from(["user", "assistant", "system", "text", "image", "base64", "tool_result", "document"])
VALUES = st.none() | st.booleans() | st.integers() | st.text() | WORDS


@settings(suppress_health_check=[HealthCheck.too_slow])  # beside other tests
@given(st.recursive(VALUES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=20))
def test_any_body_is_a_request_or_invalid(body: Any) -> None:
    for reader in (read_asked, read_counted):
        with contextlib.suppress(Invalid):
            program_request(reader(json.dumps(body).encode()))


def test_what_is_not_json_is_invalid() -> None:
    for body in (b"", b"{", b"\xff", b"[" * 100_000):
        with pytest.raises(Invalid):
            read_asked(body)


def test_lone_surrogates_become_the_replacement_character() -> None:
    body = rb'{"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "a\ud800b"}]}'
    assert program_request(read_asked(body)).turns[0].content == "a\ufffdb"


# Replies


def test_a_text_comes_as_one_block() -> None:
    events = [Metadata(None, None, ""), Progress("prompt"), Chunk("Once"), Chunk(" upon"), done("Once upon")]
    found = streamed(events)
    assert [event["type"] for event in found] == [
        *("message_start", "ping", "content_block_start", "content_block_delta", "content_block_delta"),
        *("content_block_stop", "message_delta", "message_stop"),
    ]
    message = folded(found)
    assert message["content"] == [{"type": "text", "text": "Once upon", "citations": None}]
    assert (message["stop_reason"], message["usage"]["input_tokens"], message["usage"]["output_tokens"]) == ("end_turn", 7, 4)
    assert message["usage"]["cache_read_input_tokens"] == 3


REPLIES: dict[str, list[Event]] = {
    "text": [Chunk("a"), Chunk("b\u2028c \U0001f600"), done("ab\u2028c \U0001f600")],
    "nothing": [done("")],
    "too long": [Chunk("a"), done("a", "length")],
    "refused": [done("", "content_filter")],
    "thoughts": [Thinking("Hm"), Thinking("."), Chunk("Yes"), done("Yes")],
    "call": [
        Chunk("I ask."),
        ToolCall(0, "a", "get_weather"),
        ToolCall(0, arguments='{"city":'),
        ToolCall(0, arguments='"Paris"}'),
        done("I ask.", "tool_calls"),
    ],
    "call without arguments": [ToolCall(0, "a", "f"), done("", "stop")],
    "calls": [ToolCall(0, "a", "f", "{}"), ToolCall(1, "b", "g", '{"x":1}'), done("", "tool_calls")],
    "mixed calls": [
        *(ToolCall(0, "a", "f", '{"x"'), ToolCall(1, "b", "g", '{"y"'), ToolCall(2, "c", "h", "{}")),
        *(ToolCall(1, arguments=":2}"), ToolCall(0, arguments=":1}"), done("", "tool_calls")),
    ],
    "calls whose names come first": [
        *(ToolCall(0, "a", "f"), ToolCall(1, "b", "g"), ToolCall(2, "c", "h")),
        *(ToolCall(0, arguments='{"x":1}'), ToolCall(1, arguments='{"y":2}'), done("", "tool_calls")),
    ],
}


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("name", REPLIES)
def test_a_stream_folds_into_the_whole(name: str, at_once: bool) -> None:
    assert folded(streamed(REPLIES[name], at_once=at_once)) == made_whole(REPLIES[name])


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("name", ["mixed calls", "calls whose names come first"])
def test_every_call_arrives_whole_however_its_pieces_are_mixed(name: str, at_once: bool) -> None:
    message = folded(streamed(REPLIES[name], at_once=at_once))
    assert [(block["id"], block["input"]) for block in message["content"]] == [("a", {"x": 1}), ("b", {"y": 2}), ("c", {})]
    assert message["stop_reason"] == "tool_use"


def test_the_id_of_a_call_has_the_characters_of_an_id() -> None:
    [block] = made_whole([ToolCall(0, "functions.f:0", "f", "{}"), done("")])["content"]
    assert block["id"] == "functions_f_0"


def test_arguments_that_are_no_object_are_kept_as_text() -> None:
    for arguments in ("{", "[1]", "null"):
        [block] = made_whole([ToolCall(0, "a", "f", arguments), done("")])["content"]
        assert block["input"] == {"invalid_json": arguments}


def test_thoughts_are_left_out_for_who_did_not_ask() -> None:
    answer = msgspec.structs.replace(ANSWER, thoughts=False)
    for message in (folded(streamed(REPLIES["thoughts"], answer)), made_whole(REPLIES["thoughts"], answer)):
        assert [block["type"] for block in message["content"]] == ["text"]


@pytest.mark.parametrize("thoughts", [False, True])
def test_thoughts_that_turn_out_to_be_the_answer_are_sent_as_such(thoughts: bool) -> None:
    events = [Thinking("Hm."), Thinking("Yes"), Relabel("answer", 3), done("Yes")]
    message = folded(streamed(events, msgspec.structs.replace(ANSWER, thoughts=thoughts)))
    assert message["content"][-1] == {"type": "text", "text": "Yes", "citations": None}


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (Error("Busy.", "llm_overloaded", True), "overloaded_error"),
        (Error("Too long.", "context_exceeded"), "invalid_request_error"),
        (Error("Oh.", "something_new"), "api_error"),
        (done("Once", "cancelled"), "api_error"),
    ],
)
def test_a_failure_is_the_last_event_of_its_stream(event: Event, kind: str) -> None:
    found = streamed([Chunk("Once"), event])
    assert found[-1]["type"] == "error"
    assert found[-1]["error"]["type"] == kind
    described("ErrorResponse").validate(found[-1])
    assert "message_stop" not in [event["type"] for event in found]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504])
def test_every_error_has_a_type_that_is_described(status: int) -> None:
    described("ErrorResponse").validate(failure(status, "x", None))


def test_progress_travels_in_pings_for_who_asks() -> None:
    assert streamed([Progress("queued", 2)]) == []
    assert streamed([Progress("queued", 2)], progress=True) == [
        {"type": "ping", "lam": {"type": "progress", "stage": "queued", "position": 2}}
    ]


def test_the_list_of_models_is_as_it_is_described() -> None:
    for names in ([], ["a", "b"]):
        described("ListResponse_ModelInfo_").validate(models_page(names))
