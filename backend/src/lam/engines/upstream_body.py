"""Finds the JSON documents in the body of a chat answer: Server-Sent Events, one document per line, or a single document.

Content types are often wrong, so the body's first byte decides: `{` and `[` begin JSON, `<` a web page, anything else is SSE. It
knows no fields of a completion.
"""

import re
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from lam.errors import LlmError
from lam.protocol.sse import Decoder, SseEvent

LONGEST_EVENT: Final = 8 << 20
LONGEST_DOCUMENT: Final = 64 << 20
_SPACE: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_FIELD: Final = re.compile(rb"(data|event|id|retry|error)?\s*:")
_HEAD: Final = 500
_raw: Final = msgspec.json.Decoder(msgspec.Raw)


class UpstreamBody:
    """A decoder for a body that comes in pieces of any size. `feed` returns one event per complete document; `end` returns the
    rest.

    Both raise LlmError for a web page, and TooLong for a document without end. `feed` is an attribute: once the body is known to be
    a stream, it is the stream decoder's own method.
    """

    def __init__(self) -> None:
        self._sse = Decoder(LONGEST_EVENT, whole=_is_whole)
        self.feed: Callable[[bytes], list[SseEvent]] = self._feed
        self._kind: Literal["sse", "json"] | None = None
        self._start = b""
        self._head = b""
        self._document: list[bytes] = []
        self._size = 0
        self._single = False  # a single document that spans several lines

    def _feed(self, piece: bytes) -> list[SseEvent]:
        if self._kind == "sse":
            self._head += piece[: _HEAD - len(self._head)]
            if len(self._head) == _HEAD:
                self.feed = self._sse.feed
            return self._sse.feed(piece)
        if self._kind is None:
            piece = self._start + piece
            rest = piece.removeprefix(_BOM).lstrip(_SPACE)
            if not rest or _BOM.startswith(piece):
                self._start = piece
                return []
            self._start = b""
            if rest.startswith(b"<"):
                raise LlmError("The model server answers with a web page instead of a stream; check LLM_SERVER_URL.")
            self._kind = "json" if rest[:1] in b"{[" else "sse"
            return self._feed(piece) if self._kind == "sse" else self._feed_document(rest)
        return self._feed_document(piece)

    def end(self, *, broken: bool = False) -> list[SseEvent]:
        """Returns what the end of the body completes: a last event without its blank line, or the single document. After a broken
        connection only a whole one counts."""
        if self._kind == "json":
            document = b"".join(self._document)
            self._document.clear()
            return [SseEvent(document)] if document.strip() and (not broken or _is_whole(document)) else []
        return [] if broken else self._sse.feed(b"\n\n")

    @property
    def is_document(self) -> bool:
        return self._kind == "json"

    @property
    def words(self) -> str:
        """The beginning of a body that is neither JSON nor a stream; otherwise empty."""
        head = self._head.removeprefix(_BOM).lstrip(_SPACE)
        return "" if _FIELD.match(head) else head.decode("utf-8", "replace")

    def _feed_document(self, piece: bytes) -> list[SseEvent]:
        self._document.append(piece)
        self._size += len(piece)
        if self._size > LONGEST_DOCUMENT:
            raise LlmError("The model server's answer is larger than this gateway takes.")
        if self._single or b"\n" not in piece:
            return []
        text = b"".join(self._document)
        self._document = [text]
        first = text.partition(b"\n")[0]
        if not (first.startswith(b"{") and _is_whole(first)):
            self._single = True
            return []
        if not text[len(first) :].strip():
            return []  # it may be the only document
        self._kind = "sse"
        self._document.clear()
        return self._sse.feed(text)


def _is_whole(line: bytes) -> bool:
    """Returns whether a data line is a complete event: a whole JSON object, or text that is not the beginning of one."""
    if not line.lstrip(_SPACE).startswith(b"{"):
        return not line.lstrip(_SPACE).startswith(b"[") or line.strip(_SPACE).endswith(b"]")
    try:
        _raw.decode(line)
    except (ValueError, RecursionError):
        return False
    return True
