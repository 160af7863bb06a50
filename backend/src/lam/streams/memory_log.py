"""Stream logs in this process's memory, and the shelf that keeps the ended ones for a while."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from lam.protocol.events import Chunk, Done, Event, Thinking
from lam.streams.log import Record

KEEP_SECONDS: Final = 300
KEEP_BYTES: Final = 256 << 20
_RECORD_BYTES: Final = 320  # a record, its event and the frame's header, measured with tracemalloc


class MemoryLog:
    """A `StreamLog`. Appending wakes the followers that wait; it never waits for one."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._closed = False
        self.size = 0

    @property
    def last(self) -> int:
        return len(self._records)

    @property
    def closed(self) -> bool:
        return self._closed

    def append(self, events: Sequence[Event]) -> int:
        if self._closed:
            raise RuntimeError("the log is closed: a stream has one ending")
        number = len(self._records)
        for event in events:
            number += 1
            self._records.append(Record(number, event))
            self.size += _RECORD_BYTES + _text_size(event)
        self._wake()
        return number

    def close(self) -> None:
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    async def follow(self, after: int = 0, *, idle: float | None = None) -> AsyncIterator[Sequence[Record]]:
        records = self._records
        loop = asyncio.get_running_loop()
        alarm = _Alarm(loop, idle) if idle is not None else None
        try:
            while True:
                if after < len(records):
                    batch = records[after:]
                    after = len(records)
                    if alarm:
                        alarm.spoke()
                    yield batch
                elif self._closed:
                    return
                else:
                    future = loop.create_future()
                    self._waiting.append(future)
                    if alarm:
                        alarm.future = future
                    await future
                    if alarm and alarm.rang:
                        alarm.spoke()
                        yield ()
        finally:
            if alarm:
                alarm.stop()


class _Alarm:
    """Wakes one follower after `idle` seconds of silence: one timer that looks at the clock, not one for each event."""

    __slots__ = ("_handle", "_idle", "_last", "_loop", "future", "rang")

    def __init__(self, loop: asyncio.AbstractEventLoop, idle: float) -> None:
        self._loop = loop
        self._idle = idle
        self._last = loop.time()
        self.future: asyncio.Future[None] | None = None
        self.rang = False
        self._handle = loop.call_later(idle, self._ring)

    def spoke(self) -> None:
        self._last = self._loop.time()
        self.rang = False

    def stop(self) -> None:
        self._handle.cancel()

    def _ring(self) -> None:
        left = self._last + self._idle - self._loop.time()
        if left <= 0:
            left = self._idle
            if self.future is not None and not self.future.done():
                self.rang = True
                self.future.set_result(None)
        self._handle = self._loop.call_later(left, self._ring)


def _text_size(event: Event) -> int:
    """Bytes of an event's text, once as text and once as a frame, roughly."""
    if isinstance(event, Chunk | Thinking):
        return 2 * len(event.content)
    return 2 * len(event.full_content) if isinstance(event, Done) else 256


class Shelf:
    """The logs of this process by stream id: all running ones, and ended ones for 5 minutes and at most 256 MiB in all.

    What is no longer on the shelf is rebuilt from its message.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, keep_bytes: int = KEEP_BYTES) -> None:
        self._clock = clock
        self._keep_bytes = keep_bytes
        self._running: dict[str, MemoryLog] = {}
        self._ended: OrderedDict[str, tuple[float, MemoryLog]] = OrderedDict()
        self._ended_bytes = 0

    def open(self, stream_id: str) -> MemoryLog:
        log = self._running[stream_id] = MemoryLog()
        return log

    def get(self, stream_id: str) -> MemoryLog | None:
        self._drop_old()
        ended = self._ended.get(stream_id)
        return ended[1] if ended else self._running.get(stream_id)

    def ended(self, stream_id: str) -> None:
        """The log was closed, and its message can serve in its stead from now on."""
        log = self._running.pop(stream_id)
        self._ended[stream_id] = (self._clock(), log)
        self._ended_bytes += log.size
        self._drop_old()

    def clear(self) -> None:
        """Forgets every ended log."""
        self._ended.clear()
        self._ended_bytes = 0

    def _drop_old(self) -> None:
        now = self._clock()
        while self._ended:
            stream_id, (since, log) = next(iter(self._ended.items()))
            if now - since < KEEP_SECONDS and self._ended_bytes <= self._keep_bytes:
                return
            del self._ended[stream_id]
            self._ended_bytes -= log.size
