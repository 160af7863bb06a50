"""What is known about a message, and the JSON that clients and older releases know it by."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.protocol.events import Timings, Usage
from lam.protocol.facts import NOTHING, Facts, Failure, from_row

words = st.text(max_size=5)
maybe = st.none() | words
numbers = st.integers(0, 10**9)
facts = st.builds(
    Facts,
    mode=st.sampled_from([None, "sse", "mqtt"]),
    server=maybe,
    model=maybe,
    simulated=st.none() | st.booleans(),
    finish_reason=st.sampled_from([None, "stop", "length", "cancelled", "tool_calls", "content_filter"]),
    continues=st.none() | numbers,
    dialect=maybe,
    payload=st.none() | st.dictionaries(words, words, max_size=2),
    conversation=maybe,
    conversation_number=st.none() | numbers,
    conversation_prompt=maybe,
    usage=st.none() | st.builds(Usage, numbers, numbers, numbers, st.none() | numbers),
    timings=st.none()
    | st.builds(Timings, st.none() | numbers, st.none() | numbers, st.none() | numbers, st.none() | st.floats(0, 9)),
    failure=st.none() | st.builds(Failure, code=words, message=words, retryable=st.booleans(), limit=st.none() | numbers),
    other=st.dictionaries(words.filter(lambda name: name not in Facts.__struct_fields__), words, max_size=2),
)


def read(row: dict[str, Any]) -> Facts:
    return from_row(row["metadata"], row["usage"], row["timings"], row["error"])


@given(facts)
def test_facts_come_back_from_their_row(known: Facts) -> None:
    assert read(known.to_row()) == known


def test_a_message_without_facts_has_an_empty_row() -> None:
    assert NOTHING.to_row() == {"metadata": None, "usage": None, "timings": None, "error": None}


@pytest.mark.parametrize(
    "metadata",
    [
        {"mode": "sse", "model": "tiny", "simulated": False, "finish_reason": "stop"},
        {"mode": "sse", "model": None, "simulated": None, "finish_reason": None},
        {"model": "tiny", "finish_reason": "length"},
        {"continues": 4},
        {
            "mode": "mqtt",
            "model": "a",
            "simulated": True,
            "finish_reason": "stop",
            "dialect": "prompt_portal",
            "payload": {"a": [1]},
        },
        {"conversation": "user1-ab", "conversation_number": 2, "conversation_prompt": "00ff"},
        {"a name of a later release": [1, {"a": None}]},
        {"mode": "carrier pigeon", "model": 7, "finish_reason": "stop"},
    ],
)
def test_metadata_stays_as_clients_know_it(metadata: dict[str, Any]) -> None:
    assert from_row(metadata, None, None, None).metadata == metadata


def test_what_cannot_be_read_hides_nothing_else() -> None:
    found = from_row(
        {"mode": "carrier pigeon", "model": "tiny"}, {"prompt_tokens": "many"}, {"total_ms": 7, "later": 1}, {"code": "x"}
    )
    assert (found.mode, found.model, found.usage, found.timings, found.failure) == (None, "tiny", None, Timings(total_ms=7), None)


def test_what_was_known_before_stays_unless_it_is_said_again() -> None:
    opening = Facts(continues=4, conversation="c", model="a", other={"later": 1})
    ending = Facts(mode="sse", model="b", finish_reason="stop", usage=Usage(1, 2, 3))
    assert ending.after(opening) == Facts(
        mode="sse",
        model="b",
        finish_reason="stop",
        continues=4,
        conversation="c",
        usage=Usage(1, 2, 3),
        other={"later": 1},
    )
    assert ending.after(NOTHING) == ending


def test_what_an_engine_says_besides_is_kept_with_the_rest() -> None:
    known = Facts(mode="mqtt", model="a", usage=Usage(1, 2, 3), conversation="c")
    said = known.with_metadata({"dialect": "prompt_portal", "payload": {"response": "Hi"}, "shoe_size": 42})
    assert said == Facts(
        mode="mqtt",
        model="a",
        usage=Usage(1, 2, 3),
        conversation="c",
        dialect="prompt_portal",
        payload={"response": "Hi"},
        other={"shoe_size": 42},
    )
