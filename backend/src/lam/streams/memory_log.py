"""Stream logs in this process's memory, and a shelf that keeps closed ones for a while.

Nothing here survives the process.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from lam.protocol.events import Chunk, Done, Event, Thinking
from lam.streams.log import Record, StreamLog

KEEP_SECONDS: Final = 300
KEEP_BYTES: Final = 256 << 20
_RECORD_BYTES: Final = 320  # a record, its event and the frame's header; measured with tracemalloc


class MemoryLog:
    """A `StreamLog`. Appending calls the listeners and never waits for one. `start`: the number before its first event."""

    def __init__(self, start: int = 0) -> None:
        self._start = self._last = start
        self._records: list[Record] = []
        self._listeners: dict[Callable[[], None], None] = {}  # in order of registration
        self._closed = False

    @property
    def last(self) -> int:
        return self._last

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def size(self) -> int:
        """Its size in bytes, roughly."""
        return sum(_RECORD_BYTES + _text_size(record.event) for record in self._records)

    def append(self, events: Sequence[Event], *, last: bool = False) -> int:
        if self._closed:
            raise RuntimeError("the log is closed: a stream has one ending")
        number = self._last
        for event in events:
            number += 1
            self._records.append(Record(number, event))
        self._last = number
        self._closed = last
        for callback in tuple(self._listeners):
            callback()
        return number

    def close(self) -> None:
        self._closed = True
        for callback in tuple(self._listeners):
            callback()

    def since(self, after: int) -> Sequence[Record]:
        skipped = after - self._start
        return self._records[skipped:] if skipped > 0 else self._records[:]

    def listen(self, callback: Callable[[], None]) -> None:
        self._listeners[callback] = None

    def unlisten(self, callback: Callable[[], None]) -> None:
        self._listeners.pop(callback, None)

    async def follow(self, after: int = 0) -> AsyncIterator[Sequence[Record]]:
        more = asyncio.Event()
        self.listen(more.set)
        try:
            while True:
                if batch := self.since(after):
                    after = batch[-1].number
                    yield batch
                elif self._closed:
                    return
                else:
                    more.clear()
                    await more.wait()
        finally:
            self.unlisten(more.set)


def _text_size(event: Event) -> int:
    """Returns the bytes of an event's text, once as text and once as a frame, roughly."""
    if isinstance(event, Chunk | Thinking):
        return 2 * len(event.content)
    return 2 * len(event.full_content) if isinstance(event, Done) else 256


class Shelf:
    """The logs of this process by stream id: all open ones, and closed ones for 5 minutes and up to 256 MiB in total.

    A log that has left the shelf is rebuilt from the stored result.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, keep_bytes: int = KEEP_BYTES) -> None:
        self._clock = clock
        self._keep_bytes = keep_bytes
        self._running: dict[str, MemoryLog] = {}
        self._ended: OrderedDict[str, tuple[float, int, MemoryLog]] = OrderedDict()  # when it was closed, and its size
        self._ended_bytes = 0

    def open(self, stream_id: str, start: int = 0) -> MemoryLog:
        """Returns a new log. `start`: the number before its first event."""
        log = self._running[stream_id] = MemoryLog(start)
        return log

    def get(self, stream_id: str) -> MemoryLog | None:
        self._drop_old()
        ended = self._ended.get(stream_id)
        return ended[2] if ended else self._running.get(stream_id)

    def ended(self, stream_id: str) -> None:
        """Starts the time limit of a closed log, whose result is stored and can replace it."""
        log = self._running.pop(stream_id)
        size = log.size
        self._ended[stream_id] = (self._clock(), size, log)
        self._ended_bytes += size
        self._drop_old()

    def drop(self, stream_id: str, log: StreamLog) -> None:
        """Removes the log of a run that another gateway has now: it is not the whole stream."""
        if self._running.get(stream_id) is log:
            del self._running[stream_id]

    def clear(self) -> None:
        """Removes every closed log."""
        self._ended.clear()
        self._ended_bytes = 0

    def _drop_old(self) -> None:
        now = self._clock()
        while self._ended:
            stream_id, (since, size, _) = next(iter(self._ended.items()))
            if now - since < KEEP_SECONDS and self._ended_bytes <= self._keep_bytes:
                return
            del self._ended[stream_id]
            self._ended_bytes -= size
