"""The contract of a stream log, and its records. It knows no place of storage."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from msgspec import Struct

from lam.protocol import sse
from lam.protocol.events import TERMINAL, Event


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
    """A log that only grows, numbered without gaps, and is closed once. The first number is 1, or a much larger one in the log of a
    run that was taken over. The log is the only buffer: it never waits for a reader."""

    @property
    def last(self) -> int:
        """The number of the last event; while there is none, the number before the first."""
        ...

    @property
    def closed(self) -> bool:
        """Whether the log is closed."""
        ...

    def append(self, events: Sequence[Event], *, last: bool = False) -> int:
        """Adds events and returns the number of the last one. `last`: closes the log with them. Must not be called on a closed
        log."""
        ...

    def since(self, after: int) -> Sequence[Record]:
        """Returns the records after number `after`, all of them for a number before the first."""
        ...

    def follow(self, after: int = 0) -> AsyncIterator[Sequence[Record]]:
        """Yields batches of the records after number `after`, live until the log is closed. A slow reader gets all it missed in one
        batch."""
        ...

    def listen(self, callback: Callable[[], None]) -> None:
        """Calls `callback()` in the appender's own step, after each append and at the close; once for events with which the log
        is closed. It must not raise or take long."""
        ...

    def unlisten(self, callback: Callable[[], None]) -> None:
        """Stops calling `callback`. Does nothing when it was not registered."""
        ...

    def close(self) -> None:
        """Ends the log; readers get what is left and stop."""
        ...


def has_ended(log: StreamLog) -> bool:
    """Returns whether the log has its last event. One that is closed without it goes on at another gateway: readers ask again."""
    last = log.since(log.last - 1)
    return bool(last) and isinstance(last[-1].event, TERMINAL)


async def wait_until_closed(log: StreamLog) -> None:
    """Waits until the log is closed."""
    closed = asyncio.Event()

    def look() -> None:
        if log.closed:
            closed.set()

    log.listen(look)
    try:
        look()
        await closed.wait()
    finally:
        log.unlisten(look)
