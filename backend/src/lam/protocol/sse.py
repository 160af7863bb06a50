"""Server-Sent Events as bytes: `encode` one of our events, `decode` JSON into one, and an incremental `Decoder` for any stream.

Format: the WHATWG HTML standard, section "Server-sent events". Lines end with LF, CR or CRLF and with nothing else, which is why
bytes are split here and never text: text splitters also break at U+2028, U+2029, U+0085, VT and FF.
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
    """One event as it goes over the wire: an `id:` line, one `data:` line with one JSON object, a blank line.

    U+2028, U+2029 and U+0085 are escaped, so that readers which split text into lines do not tear an event apart.
    """
    if type(event) is Chunk:  # what `format` would make of it, for a fifth of the price
        return b'id: %d\ndata: {"type": "chunk", "content": %b}\n\n' % (number, _one_line(_encoder.encode(event.content)))
    data = msgspec.json.format(_encoder.encode(event), indent=0)
    return b"id: %d\ndata: %b\n\n" % (number, _one_line(data))


def _one_line(data: bytes) -> bytes:
    if data.isascii():
        return data
    return data.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029").replace(b"\xc2\x85", b"\\u0085")


def decode(data: bytes) -> Event | None:
    """One of our events from its JSON; None for a type, or a stage of waiting, that this version does not know.

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
    """A line or an event grew beyond the bound: the other side is not speaking SSE."""


class SseEvent(Struct, frozen=True, gc=False):
    """One dispatched event: its data without the last line end, and the `event:` and `id:` fields that were in force."""

    data: bytes
    event: bytes = b""
    id: bytes = b""


class Decoder:
    """Feed it bytes, cut anywhere; it gives the events that became complete.

    `comments` counts comment lines: pings are a sign of life. A line that starts with `error:` becomes an event of that name,
    because older llama.cpp servers report a failure in mid-stream that way. Up to `limit` bytes are held for one event.

    `whole` is for servers that forget the blank line between events, or the name of the field: it says of a data line whether it
    is an event by itself, which is then given at once; a line that begins with `{` is a data line.
    """

    def __init__(self, limit: int = MAX_EVENT_BYTES, *, whole: Callable[[bytes], bool] | None = None) -> None:
        self._limit = limit
        self._whole = whole
        self._held: list[bytes] = []  # the unfinished line, in the pieces it came in
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
        """Raises TooLong where one event grows beyond the limit."""
        if self._between and len(piece) < self._limit and piece.endswith(b"\n\n") and b"\r" not in piece:
            # whole blocks: what a server that writes event by event sends all the time
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
        self._between = not (self._held or self._data or self._event or self._after_cr or self._first_line)
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
        if lines and self._held:
            lines[0] = b"".join([*self._held, lines[0]])
            self._held.clear()
            self._held_size = 0
        for line in lines:
            self._take(line, events)
        if rest:
            self._held.append(rest)
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
