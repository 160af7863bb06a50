"""The contract of a stream log, and its records. It knows no place of storage."""

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
    """A log that only grows, numbered from 1 without gaps, and is closed once. The log is the only buffer: it never waits for a
    reader."""

    @property
    def last(self) -> int:
        """The number of the last event, 0 when there is none."""
        ...

    @property
    def closed(self) -> bool:
        """Whether the log is closed."""
        ...

    def append(self, events: Sequence[Event]) -> int:
        """Adds events and returns the number of the last one. Must not be called on a closed log."""
        ...

    def since(self, after: int) -> Sequence[Record]:
        """Returns the records after number `after`."""
        ...

    def follow(self, after: int = 0) -> AsyncIterator[Sequence[Record]]:
        """Yields batches of the records after number `after`, live until the log is closed. A slow reader gets all it missed in one
        batch."""
        ...

    def listen(self, callback: Callable[[], None]) -> None:
        """Calls `callback()` in the appender's own step, after each append and at the close. It must not raise or take long."""
        ...

    def unlisten(self, callback: Callable[[], None]) -> None:
        """Stops calling `callback`. Does nothing when it was not registered."""
        ...

    def close(self) -> None:
        """Ends the log; readers get what is left and stop."""
        ...
