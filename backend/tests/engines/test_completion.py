"""The decoder alone: every shape of the table, cut anywhere; and what the table does not show."""

import json
import random
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from lam.engines.completion import CompletionDecoder
from lam.errors import GenerationError, LlmError
from lam.protocol.events import Chunk, EngineEvent, Finished, Progress, Thinking, ToolCall, Usage

from .shapes import DONE, SHAPES, STOP, Answer, Shape, answer_of, expected, piece, sse

Outcome = tuple[list[EngineEvent], GenerationError | None]


def decoded(pieces: list[bytes], *, broken: bool = False) -> Outcome:
    decoder = CompletionDecoder()
    events: list[EngineEvent] = []
    for part in pieces:
        if decoder.over:
            break
        events += decoder.feed(part)
    if not decoder.over and not broken:
        events += decoder.end()
    last, failure = decoder.close(broken=broken)
    return events + last, failure


def cut(body: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(places), len(body)]
    return [body[a:b] for a, b in pairwise(edges) if a < b]


def answer(body: bytes, places: list[int] | None = None) -> Answer:
    return answer_of(*decoded(cut(body, places or [])))


def test_the_table_is_large_and_its_names_are_unique() -> None:
    names = [shape.name for shape in SHAPES]
    assert len(names) == len(set(names))
    assert len(names) >= 200


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_each_shape_gives_its_text_thoughts_and_ending_however_it_is_cut(
    shape: Shape, enough: Callable[[range], Sequence[int]]
) -> None:
    body = shape.body
    assert answer(body) == expected(shape)
    if len(body) < 5000:
        for place in enough(range(1, len(body))):
            assert answer(body, [place]) == expected(shape), place
    rng = random.Random(shape.name)
    for _ in enough(range(20)):
        places = rng.choices(range(len(body) + 1), k=rng.randint(1, 30))
        assert answer(body, places) == expected(shape), places
    if len(body) < 5000:
        assert answer(body, list(range(len(body)))) == expected(shape)


def test_a_llama_stream_becomes_our_events() -> None:
    progress = {"choices": [], "model": "m", "prompt_progress": {"total": 10, "cache": 4, "processed": 7}}
    figures = {
        "choices": [],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}},
        "timings": {"predicted_per_second": 12.5},
    }
    call = {"index": 0, "id": "x", "function": {"name": "f", "arguments": "{}"}}
    body = sse(progress, piece(reasoning_content="hm"), piece("héllo"), piece(tool_calls=[call]), STOP, figures)
    events, failure = decoded([body])
    assert failure is None
    assert events == [
        Progress("prompt", processed=7, total=10, cached=4, model="m"),
        Thinking("hm"),
        Chunk("héllo"),
        ToolCall(0, "x", "f", "{}"),
        Finished("stop", Usage(5, 2, 7, 4), 12.5, "m"),
    ]


@pytest.mark.parametrize("usage", ['{"prompt_tokens": -1}', '{"completion_tokens": 4294967295}', '{"total_tokens": 99999999999}'])
def test_figures_that_cannot_be_are_not_told(usage: str) -> None:
    last = f'{{"choices": [], "usage": {usage}, "timings": {{"predicted_per_second": Infinity}}}}'
    events, _ = decoded([sse(piece("a"), STOP, last)])
    assert events[-1] == Finished("stop")


@pytest.mark.parametrize("body", [b"data: " + b"x" * (9 << 20), b'{"a": "' + b"x" * (65 << 20)], ids=["line", "document"])
def test_what_grows_beyond_all_bounds_is_an_error(body: bytes) -> None:
    _, failure = decoded(cut(body, list(range(0, len(body), 1 << 20))))
    assert isinstance(failure, LlmError)


def test_a_connection_that_breaks_while_every_text_carried_the_reason_is_interrupted() -> None:
    every = sse(piece("Once", "stop"), piece(" upon", "stop"), end="")
    assert answer_of(*decoded([every], broken=True)).ending == "interrupted"
    last = sse(piece("Once"), piece(" upon", "stop"), end="")
    assert answer_of(*decoded([last], broken=True)).ending == "stop"
    apart = sse(piece("Once"), STOP, end="")
    assert answer_of(*decoded([apart], broken=True)).ending == "stop"


def test_what_a_stream_we_leave_in_its_middle_leaves_the_model_doing_is_unknown() -> None:
    for body, free in ((b"data: {nope}\n\n", False), (sse({"error": "boom"}, end=""), True), (sse(piece("a"), end=""), True)):
        failure = decoded([body])[1]
        assert failure is not None
        assert failure.model_is_free is free


def test_a_document_that_is_whole_counts_though_the_connection_broke_behind_it() -> None:
    body = b'{"choices": [{"message": {"content": "Once"}, "finish_reason": "stop"}]}'
    for text, ending in ((body, "stop"), (body[:-3], "interrupted")):
        decoder = CompletionDecoder()
        events = decoder.feed(text) + decoder.end(broken=True)
        last, failure = decoder.close(broken=True)
        assert answer_of(events + last, failure).ending == ending


def test_nothing_is_taken_after_the_end_marker() -> None:
    assert answer(sse(piece("a"), STOP) + sse(piece("b"), STOP)).text == "a"


def test_the_servers_words_are_told() -> None:
    failure = decoded([sse({"detail": [{"loc": ["body", "messages"], "msg": "Field required"}]}, end="")])[1]
    assert failure is not None
    assert "Field required" in failure.message
    failure = decoded([b"no healthy upstream"])[1]
    assert failure is not None
    assert "no healthy upstream" in failure.message


def test_a_megabyte_of_text_in_one_document_is_whole() -> None:
    text = "word " * 200_000
    body = json.dumps({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}).encode()
    assert answer(body, list(range(0, len(body), 65536))).text == text
    assert answer(sse(json.loads(body), end=DONE), [1000]).text == text
