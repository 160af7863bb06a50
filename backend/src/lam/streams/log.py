"""The contract of a stream log, and the record it gives."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from msgspec import Struct

from lam.protocol import sse
from lam.protocol.events import Event


class Record(Struct, gc=False, eq=False):
    """One numbered event. `frame` is its SSE text, encoded on first use and shared by all readers."""

    number: int
    event: Event
    encoded: bytes | None = None

    @property
    def frame(self) -> bytes:
        frame = self.encoded
        if frame is None:
            frame = self.encoded = sse.encode(self.number, self.event)
        return frame


class StreamLog(Protocol):
    """Append-only, numbered from 1 without gaps, closed once.

    `since(after)` gives the records with higher numbers, `follow(after)` batches of them, live until the log is closed. Whoever
    falls behind gets all it missed in one batch: the log is the only buffer. `listen(heard)`: `heard()` is called, in the
    appender's own step, after each append and at the close; it must neither raise nor take long.
    """

    @property
    def last(self) -> int: ...

    @property
    def closed(self) -> bool: ...

    def append(self, events: Sequence[Event]) -> int: ...

    def since(self, after: int) -> Sequence[Record]: ...

    def follow(self, after: int = 0) -> AsyncIterator[Sequence[Record]]: ...

    def listen(self, heard: Callable[[], None]) -> None: ...

    def unlisten(self, heard: Callable[[], None]) -> None: ...

    def close(self) -> None: ...
