"""OpenAI's shapes: each run of `contracts/transcripts` as a program gets it, in a stream and whole, and what requests become."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.api.errors import status_of
from lam.api.openai.errors import error_answer
from lam.api.programs import failure_of
from lam.errors import InvalidField, Stopped
from lam.protocol.events import Done, Error, Event
from lam.protocol.openai import (
    Answer,
    Chunks,
    completion,
    read_chat,
    read_completion,
    read_data_uri,
    read_embedding,
)
from lam.protocol.snapshot import Snapshot
from lam.protocol.sse import Decoder, decode

CONTRACTS = Path(__file__).resolve().parents[3] / "contracts"
FOLDER = CONTRACTS / "openai"
NAMES = sorted(path.stem for path in FOLDER.glob("*.sse"))
ANSWER = Answer(id="chatcmpl-run", created=1_800_000_000, model="some-model")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def events_of(name: str) -> list[Event]:
    found = Decoder().feed((CONTRACTS / "transcripts" / f"{name}.sse").read_bytes())
    return [event for one in found if (event := decode(one.data)) is not None]


def written(events: Sequence[Event], sizes: Sequence[int]) -> bytes:
    """The stream of these events, which come in batches of these sizes and then one by one."""
    chunks, out, at = Chunks(ANSWER, include_usage=True, progress=True), b"", 0
    for size in (*sizes, *([1] * len(events))):
        if batch := events[at : at + size]:
            out += chunks.lines(batch)
        at += size
    return out


def whole(events: Sequence[Event]) -> dict[str, Any]:
    snapshot = Snapshot()
    for event in events:
        snapshot.add(event)
    if isinstance(snapshot.terminal, Done) and snapshot.terminal.finish_reason != "cancelled":
        return completion(ANSWER, snapshot, snapshot.terminal)
    error = failure_of(snapshot.terminal) if isinstance(snapshot.terminal, Error) else Stopped()
    answer: dict[str, Any] = json.loads(error_answer(error, status_of(type(error)), started=True).body)
    return answer


def texts(stream: bytes) -> dict[str, str]:
    """What a reader makes of a stream: the texts and the arguments of calls, joined."""
    found = {"content": "", "reasoning_content": "", "arguments": "", "ending": ""}
    for line in stream.decode().split("\n\n"):
        data = line.removeprefix("data: ")
        if data in ("", "[DONE]"):
            continue
        chunk = json.loads(data)
        found["ending"] += json.dumps(chunk["error"]) if "error" in chunk else ""
        for choice in chunk.get("choices", ()):
            for name in ("content", "reasoning_content"):
                found[name] += choice["delta"].get(name) or ""
            for call in choice["delta"].get("tool_calls", ()):
                found["arguments"] += call["function"]["arguments"]
            found["ending"] += choice["finish_reason"] or ""
    return found


def test_there_are_transcripts() -> None:
    assert len(NAMES) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_written_as_it_stands_in_the_contract(name: str) -> None:
    events = events_of(name)
    assert written(events, []) == (FOLDER / f"{name}.sse").read_bytes()
    assert whole(events) == json.loads((FOLDER / f"{name}.json").read_text())


@pytest.mark.parametrize("name", NAMES)
@given(sizes=st.lists(st.integers(1, 9), max_size=9))
def test_batches_of_any_size_say_the_same(name: str, sizes: list[int]) -> None:
    events = events_of(name)
    assert texts(written(events, sizes)) == texts(written(events, []))


@pytest.mark.parametrize("value", ["null", "[null]", "[{}]", "[[]]", "[[1, null]]", "[-1]", "[1.5]", "[true]", "{}", '""', "[]"])
def test_what_is_neither_texts_nor_tokens_has_no_vector(value: str) -> None:
    with pytest.raises(InvalidField):
        read_embedding(f'{{"model": "m", "input": {value}}}'.encode())


@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)
    )
)
def test_no_body_is_too_strange_to_be_refused(body: Any) -> None:
    for read in (read_chat, read_completion, read_embedding):
        with pytest.raises(InvalidField):
            read(msgspec.json.encode(body))


MESSAGES: dict[str, Any] = {
    "role": st.sampled_from(["system", "developer", "user", "assistant", "tool", 5, None]),
    "content": st.none()
    | TEXTS
    | st.lists(st.fixed_dictionaries({"type": st.sampled_from(["text", "image_url", "x"])}, optional={"text": TEXTS})),
}


@given(
    fields=st.fixed_dictionaries(
        {"model": st.just("m"), "messages": st.lists(st.fixed_dictionaries({}, optional=MESSAGES), max_size=4)},
        optional={
            "temperature": st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
            "seed": st.integers(-(2**63), 2**63 - 1),
            "stop": TEXTS | st.lists(TEXTS, max_size=6),
            "max_tokens": st.integers(-5, 5),
            "tools": st.lists(st.dictionaries(TEXTS, TEXTS), max_size=2),
            "response_format": st.dictionaries(TEXTS, TEXTS),
        },
    )
)
def test_a_request_is_read_or_refused_with_a_sentence(fields: dict[str, Any]) -> None:
    refusal, turns = "", 0
    try:
        turns = len(read_chat(json.dumps(fields).encode()).request.turns)
    except InvalidField as error:
        refusal = error.message
    assert refusal.endswith(".") if refusal else 1 <= turns <= len(fields["messages"])


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"models": ["another"]}, "models"),
        ({"route": "fallback"}, "route"),
        ({"functions": []}, "functions"),
        ({"max_completion_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": 0, "max_tokens": 5}, "max_tokens"),
    ],
)
def test_what_would_go_past_the_gateway_or_means_nothing_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidField) as refused:
        read_chat(json.dumps({"model": "m", "messages": [{"role": "user", "content": "?"}]} | fields).encode())
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        ({}, None),
        ({"functions": None, "function_call": None, "audio": None}, None),
        ({"chat_template_kwargs": {"enable_thinking": False}}, "off"),
        ({"chat_template_kwargs": {"enable_thinking": True}}, "auto"),
        ({"chat_template_kwargs": {"enable_thinking": "no"}}, None),
        ({"chat_template_kwargs": {"enable_thinking": True}, "reasoning_effort": "none"}, "off"),
    ],
)
def test_a_template_that_is_told_not_to_think_is_known_not_to(fields: dict[str, Any], reasoning: str | None) -> None:
    asked = read_chat(json.dumps({"model": "m", "messages": [{"role": "user", "content": "?"}]} | fields).encode())
    assert asked.request.choices.reasoning == reasoning


@pytest.mark.parametrize(
    "nested",
    [b"[" * 100_000, b'{"messages":' * 20_000, b'{"tools":[{"type":"function","function":{"parameters":' + b'{"a":' * 50_000],
)
def test_a_body_nested_without_end_is_refused(nested: bytes) -> None:
    with pytest.raises(InvalidField):
        read_chat(nested)


@pytest.mark.parametrize(
    "uri", ["", "data:", "data:image/png,x", "https://x/y.png", "data:image/png;base64,%%%", "data:image/png;base64,A"]
)
def test_what_is_no_data_uri_is_refused(uri: str) -> None:
    with pytest.raises(InvalidField):
        read_data_uri(uri, "here")


def test_a_data_uri_may_have_parameters_or_no_type() -> None:
    assert read_data_uri("data:image/svg+xml;charset=utf-8;base64,QQ==", "here") == b"A"
    assert read_data_uri("data:;base64,QQ==", "here") == b"A"


def test_lone_surrogates_become_the_replacement_character() -> None:
    asked = read_chat(rb'{"model": "m", "messages": [{"role": "user", "content": "a\ud800b \ud83d\ude00"}]}')
    assert asked.request.turns[0].content == "a\ufffdb \U0001f600"
    for body in (rb'{"model": "m", "messages": [{"role": "user", "content": "\ud800"}], "temperature": NaN}', rb'{"a": "\ud800'):
        with pytest.raises(InvalidField):
            read_chat(body)


@pytest.mark.parametrize("content", ["", None, []])
def test_messages_that_say_nothing_are_refused(content: Any) -> None:
    with pytest.raises(InvalidField):
        read_chat(json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]}).encode())


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_go_back_with_calls_that_are_being_answered_and_with_nothing_else(field: str) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    called = {"role": "assistant", "content": None, "tool_calls": [call], field: "Hm."}
    result = {"role": "tool", "tool_call_id": "c", "content": "4"}
    user = {"role": "user", "content": "Hi"}

    def thoughts(*messages: Any) -> list[str]:
        return [turn.thinking for turn in read_chat(json.dumps({"model": "m", "messages": messages}).encode()).request.turns]

    assert thoughts(user, called, result) == ["", "Hm.", ""]
    assert thoughts(user, called, result, called, result) == ["", "Hm.", "", "Hm.", ""]
    assert thoughts(user, called, result, {"role": "assistant", "content": "4", field: "So."}, user) == [""] * 5
    assert thoughts(user, called | {field: {"odd": 1}}, result) == [""] * 3
