from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.protocol.events import Chunk, Done, Error, Metadata, Progress, Thinking, ToolCall, Usage
from lam.protocol.sse import Decoder, SseEvent, TooLong, decode, encode

EVENTS = [
    Metadata(1, 2, "user1-abc", "s", 3, "sse", "m", False),
    Progress("prompt", processed=1, total=2, cached=0),
    Thinking("hm"),
    Chunk("line\nbreak \u2028 \u2029 \x85 \x0b\x0c 👩‍👩‍👧 עברית"),
    ToolCall(0, "id", "name", '{"a":'),
    Done(3, "text", "length", "m", False, Usage(1, 2, 3)),
    Error("sorry", "timeout", True, 3),
]


def test_an_event_is_an_id_line_a_data_line_and_a_blank_line() -> None:
    assert encode(7, Chunk("Once")) == b'id: 7\ndata: {"type": "chunk", "content": "Once"}\n\n'


def test_fields_that_are_not_known_are_left_out() -> None:
    assert encode(2, Progress("queued", position=0)) == b'id: 2\ndata: {"type": "progress", "stage": "queued", "position": 0}\n\n'


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_survives_encoding_and_decoding(event: Chunk) -> None:
    (arrived,) = Decoder().feed(encode(1, event))
    assert decode(arrived.data) == event
    assert arrived.id == b"1"


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_readers_that_split_text_into_lines_find_every_event_whole(event: Chunk) -> None:
    lines = encode(1, event).decode().splitlines()
    assert len(lines) == 3
    assert decode(lines[1].removeprefix("data: ").encode()) == event


def test_an_unknown_type_is_nothing_and_a_broken_known_one_is_an_error() -> None:
    assert decode(b'{"type": "later", "x": 1}') is None
    with pytest.raises(ValueError, match="content"):
        decode(b'{"type": "chunk"}')


STREAM = (
    b"\xef\xbb\xbfdata: first\r\n\r\n"
    b": a comment\r\r"
    b"event: named\ndata:second\ndata: line\n\n"
    b"id: 5\rdata\r\r"
    b"data: \xf0\x9f\x98\x80 \xe2\x80\xa8\r\n\r\n"
    b"retry: 10\nnonsense\n\n"
    b'error: {"code":500}\n\n'
    b"data: unfinished"
)
EXPECTED = [
    SseEvent(b"first"),
    SseEvent(b"second\nline", b"named"),
    SseEvent(b"", b"", b"5"),
    SseEvent("😀 \u2028".encode(), b"", b"5"),
    SseEvent(b'{"code":500}', b"error", b"5"),
]


@given(st.lists(st.integers(0, len(STREAM))))
def test_the_same_events_come_however_the_bytes_are_cut(places: list[int]) -> None:
    edges = [0, *sorted(places), len(STREAM)]
    decoder = Decoder()
    events = [event for a, b in pairwise(edges) for event in decoder.feed(STREAM[a:b])]
    assert events == EXPECTED
    assert decoder.comments == 1


def test_the_same_events_come_byte_by_byte() -> None:
    decoder = Decoder()
    assert [event for i in range(len(STREAM)) for event in decoder.feed(STREAM[i : i + 1])] == EXPECTED


@given(st.lists(st.text().filter(lambda s: "\x00" not in s), max_size=8), st.integers(1, 7))
def test_whatever_text_is_encoded_comes_out_again(texts: list[str], size: int) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    wire = b"".join(encode(number, Chunk(text)) for number, text in enumerate(texts, 1))
    decoder = Decoder()
    arrived = [event for i in range(0, len(wire), size) for event in decoder.feed(wire[i : i + size])]
    assert [decode(event.data) for event in arrived] == [Chunk(text) for text in texts]


@pytest.mark.parametrize(
    "wire", [b"data: " + b"x" * 200, b"data: xxxxx\n" * 40, b"nonsense" * 30], ids=["endless line", "endless event", "garbage"]
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_never_ends_is_refused_at_the_bound(wire: bytes, size: int) -> None:
    decoder = Decoder(limit=100)

    def feed() -> None:
        for i in range(0, len(wire), size):
            decoder.feed(wire[i : i + size])

    with pytest.raises(TooLong):
        feed()


def test_many_small_events_never_reach_the_bound() -> None:
    decoder = Decoder(limit=100)
    for _ in range(100):
        assert decoder.feed(b": ping\ndata: 12345\n\nda") is not None
        assert len(decoder.feed(b"ta: 12345\n\n")) == 1
