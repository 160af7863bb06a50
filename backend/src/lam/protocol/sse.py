"""Server-Sent Events as bytes: `encode` writes one of our events, `decode` reads one from JSON, `Decoder` reads any stream.

Format: the WHATWG HTML standard, section "Server-sent events". Lines end with LF, CR or CRLF only, so this module splits bytes,
never text: text splitters also break at U+2028, U+2029, U+0085, VT and FF. It does no I/O.
"""

from collections.abc import Callable
from typing import Final, get_args

import msgspec
from msgspec import Struct

from lam.protocol.events import Chunk, Event

MAX_EVENT_BYTES: Final = 1 << 20
COMMENT: Final = b": still here\n\n"

_BOM: Final = b"\xef\xbb\xbf"
_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Event)


def encode(number: int, event: Event) -> bytes:
    """Returns one event in its wire form: an `id:` line, one `data:` line with one JSON object, and a blank line.

    U+2028, U+2029 and U+0085 are escaped, so that readers that split text into lines do not cut an event in two.
    """
    if type(event) is Chunk:  # the result of `format`, at a fifth of the cost
        return b'id: %d\ndata: {"type": "chunk", "content": %b}\n\n' % (number, one_line(_encoder.encode(event.content)))
    data = msgspec.json.format(_encoder.encode(event), indent=0)
    return b"id: %d\ndata: %b\n\n" % (number, one_line(data))


def data_of(frame: bytes) -> bytes:
    """Returns the JSON of an encoded event."""
    return frame[frame.index(b"\n") + 7 : -2]


def enveloped(cursor: str, stream: str, number: int, data: bytes) -> bytes:
    """Returns an event of one of several streams on a connection: `{stream, n, event}`. `data`: the event's JSON on one line."""
    return b'id: %b\ndata: {"stream": "%b", "n": %d, "event": %b}\n\n' % (cursor.encode(), stream.encode(), number, data)


def one_line(data: bytes) -> bytes:
    """Returns the JSON on one line, whatever characters a reader treats as line ends."""
    if data.isascii():
        return data
    return data.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029").replace(b"\xc2\x85", b"\\u0085")


def decode(data: bytes) -> Event | None:
    """Returns one of our events from its JSON; None for an event type or waiting stage that this version does not know.

    Raises ValueError for anything else.
    """
    try:
        event: Event = _decoder.decode(data)
        return event
    except msgspec.ValidationError:
        kind = msgspec.json.decode(data, type=_AnyEvent).type
        if kind in _KNOWN:
            raise
        return None


class _AnyEvent(Struct):
    type: str


_KNOWN: Final = frozenset(kind.__struct_config__.tag for kind in get_args(Event)) - {"progress"}


class TooLong(ValueError):
    """A line or an event exceeded the limit: the other side does not speak SSE."""


class SseEvent(Struct, frozen=True, gc=False):
    """One dispatched event: its data without the last line end, and the current `event:` and `id:` fields."""

    data: bytes
    event: bytes = b""
    id: bytes = b""


class Decoder:
    """A decoder for bytes that come in pieces of any size; `feed` returns the events that are complete.

    `comments`: number of comment lines; a ping is a sign of life. A line that starts with `error:` becomes an event of that name,
    because older llama.cpp servers report a failure in mid-stream that way. An event may take up to `limit` bytes.

    `whole` is for servers that omit the blank line between events, or the field name. It returns whether a data line is a complete
    event, which is then dispatched at once; a line that begins with `{` is a data line.
    """

    def __init__(self, limit: int = MAX_EVENT_BYTES, *, whole: Callable[[bytes], bool] | None = None) -> None:
        self._limit = limit
        self._whole = whole
        self._partial: list[bytes] = []  # the pieces of the unfinished line
        self._held_size = 0
        self._data: list[bytes] = []  # the data lines of the unfinished event
        self._data_size = 0
        self._after_cr = False
        self._first_line = True
        self._between = False  # the last piece ended with an event
        self._event = b""
        self._id = b""
        self.comments = 0

    def feed(self, piece: bytes) -> list[SseEvent]:
        """Returns the events that these bytes complete. Raises TooLong when an event exceeds the limit."""
        if self._between and len(piece) < self._limit and piece.endswith(b"\n\n") and b"\r" not in piece:
            # whole blocks are the usual case: servers write event by event
            events: list[SseEvent] = []
            for block in piece[:-2].split(b"\n\n"):
                if block.startswith(b"data: ") and b"\n" not in block:
                    events.append(SseEvent(block[6:], b"", self._id))
                else:
                    for line in block.split(b"\n"):
                        self._take(line, events)
                    self._dispatch(events)
            return events
        events = self._feed_slice(piece)
        self._between = not (self._partial or self._data or self._event or self._after_cr or self._first_line)
        return events

    def _feed_slice(self, piece: bytes) -> list[SseEvent]:
        if self._after_cr and piece:
            self._after_cr = False
            if piece[0] == 10:  # the LF of a CRLF whose CR ended the last piece
                piece = piece[1:]
        if b"\r" in piece:
            self._after_cr = piece[-1] == 13
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = piece.split(b"\n")
        rest = lines.pop()
        events: list[SseEvent] = []
        if lines and self._partial:
            lines[0] = b"".join([*self._partial, lines[0]])
            self._partial.clear()
            self._held_size = 0
        for line in lines:
            self._take(line, events)
        if rest:
            self._partial.append(rest)
            self._held_size += len(rest)
        self._check_size()
        return events

    def _take(self, line: bytes, events: list[SseEvent]) -> None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        if line.startswith(b"data:"):
            self._take_data(line[6:] if line[5:6] == b" " else line[5:], events)
        elif not line:
            self._dispatch(events)
        elif line.startswith(b":"):
            self.comments += 1
        else:
            self._take_field(line, events)

    def _take_data(self, value: bytes, events: list[SseEvent]) -> None:
        if self._whole is not None and not self._data and self._whole(value):
            events.append(SseEvent(value, self._event, self._id))
            return
        self._data.append(value)
        self._data_size += len(value) + 6
        self._check_size()

    def _take_field(self, line: bytes, events: list[SseEvent]) -> None:
        if self._whole is not None and line.startswith(b"{"):
            self._take_data(line, events)
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._event = value
        elif name == b"id" and b"\0" not in value:
            self._id = value
        elif name == b"data":
            self._data.append(b"")
        elif name == b"error":
            events.append(SseEvent(value, b"error", self._id))

    def _dispatch(self, events: list[SseEvent]) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            events.append(SseEvent(data, self._event, self._id))
            self._data.clear()
            self._data_size = 0
        self._event = b""

    def _check_size(self) -> None:
        if self._held_size + self._data_size > self._limit:
            raise TooLong(f"a line or event of more than {self._limit} bytes")
