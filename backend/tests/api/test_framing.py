"""Where a request ends, and what it may hold: statements about bytes, whatever the reads cut them into."""

import itertools

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.api.framing import HEAD_BYTES, LINE_BYTES, LINES, URL_BYTES, Framing, Place, Refusal

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
WHOLE_CHUNKED = CHUNKED + b"3;a=b\r\nG\r\n\r\n002\r\n\n\n\r\n0\r\nX: y\r\n\r\n"


def pieces(data: bytes, cuts: tuple[int, ...] = ()) -> list[tuple[bytes, Place]]:
    """All that one connection hands on when its bytes are read in these parts, and what the next byte belongs to after each."""
    framing, found = Framing(), []
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    for begin, end in itertools.pairwise(edges):
        part, start = data[begin:end], 0
        while start < len(part):
            piece, start = framing.cut(part, start)
            if piece:
                found.append((piece, framing.place))
    return found


def verdict(data: bytes, cuts: tuple[int, ...] = ()) -> int:
    """The status of the refusal; 0: taken."""
    try:
        pieces(data, cuts)
    except Refusal as refusal:
        return refusal.status
    return 0


def header(length: int) -> bytes:
    """A header line of so many bytes, its end included."""
    return b"X: " + b"a" * (length - 5) + b"\r\n"


@given(st.lists(st.sampled_from([GET, POST, WHOLE_CHUNKED, b"\r\n" + GET]), min_size=1, max_size=4), st.sets(st.integers(1, 400)))
def test_each_request_ends_where_it_ends_whatever_the_reads_cut(requests: list[bytes], cuts: set[int]) -> None:
    found = pieces(b"".join(requests), tuple(cuts))
    requests = [request.replace(b"X: y\r\n", b"") for request in requests]  # trailers are counted and left out
    assert b"".join(piece for piece, _ in found) == b"".join(request.removeprefix(b"\r\n") for request in requests)
    assert sum(place is Place.START for _, place in found) == len(requests)


@given(st.sampled_from([GET, POST, WHOLE_CHUNKED]), st.data())
def test_the_parser_agrees_about_every_end(request: bytes, data: st.DataObject) -> None:
    """One changed byte: either somebody refuses, or both see the request end at the same byte."""
    where = data.draw(st.integers(0, len(request) - 1))
    changed = request[:where] + bytes([data.draw(st.integers(0, 255))]) + request[where + 1 :]

    class Ends:
        ends = 0

        def on_message_complete(self) -> None:
            self.ends += 1

    ends = Ends()
    parser = httptools.HttpRequestParser(ends)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    complete = 0
    try:
        for piece, place in pieces(changed):
            parser.feed_data(piece)
            complete += place is Place.START
            assert ends.ends == complete
    except (Refusal, httptools.HttpParserError):
        pass


@pytest.mark.parametrize("step", [1, 7, 1460, 1 << 20])
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /" + b"a" * (URL_BYTES - 1) + b" HTTP/1.1\r\n\r\n", 0),
        (b"GET /" + b"a" * URL_BYTES + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /" + b"a" * (URL_BYTES + 1000), 414),
        (b"GET / HTTP/1.1\r\n" + header(LINE_BYTES + 2) + b"\r\n", 0),
        (b"GET / HTTP/1.1\r\n" + header(LINE_BYTES + 3) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * (LINE_BYTES + 1000), 431),
        (b"GET / HTTP/1.1\r\n" + b"a" * (LINE_BYTES + 1000), 431),
        (b"GET / HTTP/1.1\r\n" + header(10) * LINES + b"\r\n", 0),
        (b"GET / HTTP/1.1\r\n" + header(10) * (LINES + 1) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + header(8000) * 9 + b"\r\n", 431),
        (CHUNKED + b"0\r\n" + header(8000) * 9 + b"\r\n", 431),
        (CHUNKED + b"0\r\n" + b"a" * (LINE_BYTES + 1000), 431),
        (CHUNKED + b"0\r\n" + b"A: b\r\n" * LINES + b"\r\n", 431),
        (CHUNKED + b"1;" + b"a" * (LINE_BYTES + 1000), 431),
        (CHUNKED + (b"1;" + b"a" * 4000 + b"\r\nx\r\n") * 20, 431),
        (CHUNKED + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n", 0),
        (CHUNKED + b"0" * 17, 0),
        (CHUNKED + b"0" * 17 + b"\r\n", 400),
        (b"\r\n" * (LINES + 1), 400),
        (b"GET / HTTP/1.1\n\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"CONNECT example.org:443 HTTP/1.1\r\n\r\n", 405),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 0x5\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (CHUNKED + b"-1\r\n", 400),
        (CHUNKED + b"0x5\r\n", 400),
        (CHUNKED + b"5 5\r\n", 400),
        (CHUNKED + b"5\n", 400),
    ],
)
def test_what_is_too_long_or_ambiguous_is_refused_in_every_slicing(data: bytes, status: int, step: int) -> None:
    assert verdict(data, tuple(range(step, len(data), step))) == status


def test_every_request_of_a_connection_is_counted_anew() -> None:
    large = b"GET / HTTP/1.1\r\n" + header(8000) * 8 + b"\r\n"
    assert verdict(large * 10) == 0
    assert verdict(large * 10 + b"GET / HTTP/1.1\r\n" + header(8000) * 9) == 431


def test_a_body_that_looks_like_headers_is_a_body() -> None:
    body = b"X: " + b"a" * (2 * HEAD_BYTES) + b"\r\n\r\n" + GET * 300
    for request in (
        b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body),
        CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
    ):
        assert [place for _, place in pieces(request * 2)].count(Place.START) == 2


def test_other_protocols_are_not_offered_and_the_body_behind_an_upgrade_stays_one() -> None:
    """Java's client asks for h2c with every request; the parser would take its body for the next request."""
    head = b"POST / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    for upgrade in (b"Upgrade: h2c\r\n", b"UPGRADE: websocket\r\n"):
        found = pieces(head + upgrade + b"Content-Length: 5\r\n\r\nhello")
        assert b"".join(piece for piece, _ in found) == head + b"Content-Length: 5\r\n\r\nhello"
