import json
from typing import Any

import pytest

from lam.engines.completion import CompletionDecoder
from lam.errors import ContextExceeded, GenerationError, LlmError
from lam.protocol.events import Chunk, EngineEvent, Progress, Thinking, ToolCall, Usage


def delta(**fields: Any) -> str:
    return json.dumps({"choices": [{"index": 0, "delta": fields, "finish_reason": None}]})


FINISH = '{"choices": [{"index": 0, "delta": {}, "finish_reason": "%s"}]}'


def feed(*data: str, size: int = 0) -> tuple[CompletionDecoder, list[EngineEvent]]:
    wire = "".join(f"data: {line}\n\n" for line in data).encode("utf-8", "surrogatepass")
    return feed_bytes(wire, size)


def feed_bytes(wire: bytes, size: int = 0) -> tuple[CompletionDecoder, list[EngineEvent]]:
    decoder = CompletionDecoder()
    step = size or len(wire)
    return decoder, [event for i in range(0, len(wire), step) for event in decoder.feed(wire[i : i + step])]


def failure(*data: str) -> GenerationError:
    found = feed(*data)[0].failure
    assert found is not None
    return found


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_llama_stream_becomes_our_events(size: int) -> None:
    decoder, events = feed(
        '{"choices": [{"delta": {"role": "assistant", "content": null}}], "model": "m"}',
        '{"choices": [], "model": "m", "prompt_progress": {"total": 10, "cache": 4, "processed": 7}}',
        delta(reasoning_content="hm"),
        delta(content="héllo"),
        delta(tool_calls=[{"index": 0, "id": "x", "function": {"name": "f", "arguments": "{}"}}]),
        FINISH % "stop",
        '{"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}},'
        ' "timings": {"predicted_per_second": 12.5}}',
        "[DONE]",
        size=size,
    )
    assert events == [
        Progress("prompt", processed=7, total=10, cached=4, model="m"),
        Thinking("hm"),
        Chunk("héllo"),
        ToolCall(0, "x", "f", "{}"),
    ]
    assert decoder.ended
    finished = decoder.finished()
    assert (finished.finish_reason, finished.usage, finished.tokens_per_second) == ("stop", Usage(5, 2, 7, 4), 12.5)


@pytest.mark.parametrize(("said", "ours"), [("stop", "stop"), ("length", "length"), ("tool_calls", "tool_calls"), ("eos", "stop")])
def test_finish_reasons_are_ours(said: str, ours: str) -> None:
    assert feed(FINISH % said)[0].finished().finish_reason == ours


def test_lone_surrogates_and_nul_become_replacement_characters() -> None:
    _, events = feed(r'{"choices": [{"delta": {"content": "a\ud800b\u0000c"}}]}')
    assert events == [Chunk("a\ufffdb\ufffdc")]


@pytest.mark.parametrize(
    "line",
    ["{not json", '"text"', '{"choices": 3}', '{"choices": [{"delta": {"content": 3}}]}', "[" * 100_000],
    ids=["not json", "text", "number", "content", "deep"],
)
def test_garbage_is_an_error_never_text(line: str) -> None:
    assert isinstance(failure(line), LlmError)
    assert failure(line).retryable


def test_bytes_that_are_not_utf8_are_an_error() -> None:
    decoder, events = feed_bytes(b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n')
    assert events == []
    assert "UTF-8" in str(decoder.failure)


@pytest.mark.parametrize(
    "wire", [b'data: {"error": {"code": 500, "message": "boom"}}\n\n', b'error: {"code": 500, "message": "boom"}\n']
)
def test_an_error_in_mid_stream_is_seen_in_both_shapes_and_the_text_before_it_is_kept(wire: bytes) -> None:
    decoder, events = feed_bytes(f"data: {delta(content='half')}\n\n".encode() + wire)
    assert events == [Chunk("half")]
    assert isinstance(decoder.failure, LlmError)
    assert "boom" in decoder.failure.message


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        ({"code": 400, "message": "bad"}, LlmError, False),
        ({"code": "server_error", "message": "bad"}, LlmError, True),
        ({"type": "exceed_context_size_error", "n_prompt_tokens": 9, "n_ctx": 4}, ContextExceeded, False),
        ({"code": "context_length_exceeded", "message": "9 > 4"}, ContextExceeded, False),
        ("plain", LlmError, True),
    ],
)
def test_errors_of_the_server_say_whether_to_try_again(error: Any, kind: type[GenerationError], retryable: bool) -> None:
    found = failure(json.dumps({"error": error}))
    assert isinstance(found, kind)
    assert found.retryable is retryable


def test_an_exceeded_context_tells_both_numbers() -> None:
    message = failure('{"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 9, "n_ctx": 4}}').message
    assert "9 tokens" in message
    assert "room for 4" in message


def test_done_without_a_finish_reason_is_a_protocol_error() -> None:
    assert "finish reason" in failure(delta(content="half"), "[DONE]").message


def test_a_whole_document_serves_as_a_stream_of_one() -> None:
    decoder = CompletionDecoder()
    events = decoder.whole(b'{"choices": [{"message": {"content": "All"}, "finish_reason": "stop"}], "usage": {}}')
    assert events == [Chunk("All")]
    assert decoder.ended


@pytest.mark.parametrize("usage", ['{"prompt_tokens": -1}', '{"completion_tokens": 4294967295}', '{"total_tokens": 99999999999}'])
def test_figures_that_cannot_be_are_not_told(usage: str) -> None:
    last = f'{{"choices": [], "usage": {usage}, "timings": {{"predicted_per_second": Infinity}}}}'
    decoder, _ = feed(delta(content="a"), FINISH % "stop", last, "[DONE]")
    assert decoder.finished().usage is None
    assert decoder.finished().tokens_per_second is None
