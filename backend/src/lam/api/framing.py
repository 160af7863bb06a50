"""Where one HTTP request ends and the next begins, and how much a connection may send besides bodies.

`Framing` reads the bytes of one connection before the HTTP parser does. It is pure: bytes in, pieces out, no I/O and no clock. The
parser judges the grammar; this module knows lines, lengths and chunks, and is stricter wherever two readers could disagree about
the end of a request (RFC 9112, sections 6 and 7).
"""

import re
from enum import Enum, auto
from typing import Final

LINE_BYTES: Final = 8 << 10
URL_BYTES: Final = 8 << 10
HEAD_BYTES: Final = 64 << 10  # of all lines of a request together: head, chunk extensions, trailers
LINES: Final = 100
_AROUND_URL: Final = 32  # the longest method, the version and the spaces
_FREE_CHUNK_LINE: Final = 20  # enough for a chunk's size; the rest of the line counts as head
_REQUEST_LINE: Final = re.compile(rb"[A-Z-]{1,20} +([^ ]+) +HTTP/1\.([01])\r\n\Z")
_CHUNK_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n\Z")


class Refusal(Exception):
    """Answers the connection with this status and closes it. `code` and `sentence`: the content of the answer."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.sentence = sentence


class Place(Enum):
    """What the next byte belongs to."""

    START = auto()  # between two requests; blank lines are skipped
    HEAD = auto()
    BODY = auto()
    CHUNK_LINE = auto()
    CHUNK = auto()
    TRAILERS = auto()


class Framing:
    """Cuts a connection's bytes into pieces for the parser; no piece reaches beyond the end of a head or of a request.

    After a piece, `place` says where the next one begins: START means that a request is complete. A head is one piece, so the
    parser never joins a growing header, and an incomplete head costs no more than its bytes. An `Upgrade` header is removed: no
    other protocol is spoken here, and the parser would take the body for the next request. Trailers are removed: they would become
    headers of a request that is being answered. After a Refusal, `cut` must not be called again.
    """

    def __init__(self) -> None:
        self.place = Place.START
        self._pending = bytearray()  # the beginning of an incomplete line
        self._head = bytearray()
        self._reset()

    def _reset(self) -> None:
        self.place = Place.START
        self._used = 0
        self._lines = 0
        self._left = 0  # bytes left in the body or the chunk
        self._length: int | None = None
        self._chunked = False
        self._old = False  # HTTP/1.0

    @property
    def in_head(self) -> bool:
        """Whether a request's head has begun and not ended."""
        return self.place is Place.HEAD or (self.place is Place.START and bool(self._pending) and not self._pending.isspace())

    @property
    def incomplete_bytes(self) -> int:
        """Bytes of the incomplete head or line."""
        return len(self._head) + len(self._pending)

    @property
    def in_body(self) -> bool:
        """Whether a request's head has ended and the request has not."""
        return self.place is not Place.START and self.place is not Place.HEAD

    def cut(self, data: bytes, start: int) -> tuple[bytes, int]:
        """Returns the piece of `data` that begins at `start`, empty when none is complete, and the position after it.

        Raises Refusal.
        """
        if self.place is Place.BODY or self.place is Place.CHUNK:
            end = min(len(data), start + self._left)
            self._left -= end - start
            if not self._left:
                self._end_of_data()
            return data[start:end], end
        while end := data.find(b"\n", start) + 1:
            line = data[start:end]
            start = end
            if self._pending:
                self._keep(line)
                line, self._pending = bytes(self._pending), bytearray()
            if piece := self._line(line):
                return piece, end
        self._keep(data[start:])
        return b"", len(data)

    def _keep(self, part: bytes) -> None:
        self._pending += part
        if part and self.place is Place.START and not (self._pending[:1].isalpha() or self._pending[:1] == b"\r"):
            raise _nonsense("This is not an HTTP request.")
        self._check(len(self._pending))

    def _check(self, length: int) -> None:
        """Raises Refusal for a line that is too long, or lines that are too large together."""
        place = self.place
        if length > LINE_BYTES + 2:
            if place is not Place.START:
                raise Refusal(431, "header_too_large", f"A line of the header may hold {LINE_BYTES >> 10} KiB at most.")
            if length > URL_BYTES + _AROUND_URL:
                raise _long_url()
        counted = length - _FREE_CHUNK_LINE if place is Place.CHUNK_LINE else length
        if self._used + counted > HEAD_BYTES:
            raise Refusal(431, "header_too_large", f"The header may hold {HEAD_BYTES >> 10} KiB at most.")

    def _line(self, line: bytes) -> bytes:
        """Takes a complete line and returns the piece that it completes."""
        self._check(len(line))
        if not line.endswith(b"\r\n"):
            raise _nonsense("Lines end with CR LF.")
        if self.place is Place.CHUNK_LINE:
            self._used += max(0, len(line) - _FREE_CHUNK_LINE)
            self._chunk_line(line)
            return line
        self._used += len(line)
        if line == b"\r\n":
            return self._blank()
        if self.place is Place.START:
            self._request_line(line)
            self._head += line
            return b""
        self._lines += 1
        if self._lines > LINES:
            raise Refusal(431, "header_too_large", f"The header may hold {LINES} lines at most.")
        if line[0] in b" \t" or b":" not in line:
            raise _nonsense("A line of the header is a name, a colon and a value.")
        if self.place is Place.HEAD:
            self._header(line)
        return b""

    def _request_line(self, line: bytes) -> None:
        if line.startswith(b"CONNECT "):
            raise Refusal(405, "method_not_allowed", "There are no tunnels through here.")
        parts = _REQUEST_LINE.match(line)
        if parts is None:
            raise _nonsense("This is not the first line of an HTTP/1.1 request.")
        if len(parts[1]) > URL_BYTES:
            raise _long_url()
        self._old = parts[2] == b"0"
        self.place = Place.HEAD

    def _header(self, line: bytes) -> None:
        if line[0] not in b"CTUctu":  # true for nearly all headers
            self._head += line
            return
        name, _, value = line.partition(b":")
        name = name.lower()
        if name == b"upgrade":
            return
        self._head += line
        if name == b"content-length":
            digits = value.strip(b" \t\r\n")
            if self._length is not None or not digits.isdigit() or len(digits) > 18:
                raise _nonsense("There is one Content-Length, a whole number.")
            self._length = int(digits)
        elif name == b"transfer-encoding":
            if self._chunked or value.strip(b" \t\r\n").lower() != b"chunked":
                raise _nonsense("The only Transfer-Encoding is `chunked`.")
            self._chunked = True

    def _blank(self) -> bytes:
        """Takes an empty line and returns the piece that it completes: it ends the head or the trailers.

        Before a request it means nothing, and is counted.
        """
        if self.place is Place.TRAILERS:
            self._reset()
            return b"\r\n"
        if self.place is Place.START:
            self._lines += 1
            if self._lines > LINES:
                raise _nonsense("There is nothing but empty lines.")
            return b""
        if self._chunked and (self._length is not None or self._old):
            raise _nonsense("The length of the body is ambiguous.")
        head, self._head = bytes(self._head + b"\r\n"), bytearray()
        if self._chunked:
            self.place = Place.CHUNK_LINE
        elif self._length:
            self.place, self._left = Place.BODY, self._length
        else:
            self._reset()
        return head

    def _chunk_line(self, line: bytes) -> None:
        parts = _CHUNK_LINE.match(line)
        if parts is None:
            raise _nonsense("This is not the size of a chunk.")
        size = int(parts[1], 16)
        if size:
            self.place, self._left = Place.CHUNK, size + 2  # includes the line end, which the parser checks
        else:
            self.place = Place.TRAILERS

    def _end_of_data(self) -> None:
        if self.place is Place.CHUNK:
            self.place = Place.CHUNK_LINE
        else:
            self._reset()


def _nonsense(sentence: str) -> Refusal:
    return Refusal(400, "bad_request", sentence)


def _long_url() -> Refusal:
    return Refusal(414, "url_too_long", f"The address may hold {URL_BYTES >> 10} KiB at most.")
