"""Writes a log to one HTTP connection: whole events, in writes of up to 16 KiB unless one event is larger.

New events go out in the appender's own step; the last ones go out with the end of the answer. A task would wake in the event
loop's next turn, and where tokens come one by one that turn costs as much as the write (decision 31). The task writes what was
missed, and takes over whenever the client takes nothing: the log is the only buffer, so nobody waits for a slow reader.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from typing import Any, Final, Protocol

from starlette.types import Send

from lam.protocol.sse import COMMENT

WRITE_BYTES: Final = 16384


class Framed(Protocol):
    """A numbered item with its wire form."""

    @property
    def number(self) -> int:
        """Its number in the source."""
        ...

    @property
    def frame(self) -> bytes:
        """Its bytes for the wire."""
        ...


class Source(Protocol):
    """A source for a writer: a `StreamLog`, or an event connection that merges several."""

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        ...

    def since(self, after: int) -> Sequence[Framed]:
        """Returns the items with higher numbers, or the first of them: then more than one write takes."""
        ...

    def listen(self, callback: Callable[[], None]) -> None:
        """Calls `callback()` when there is more, and at the close."""
        ...

    def unlisten(self, callback: Callable[[], None]) -> None:
        """Stops calling `callback`."""
        ...


class LogWriter:
    """Writes one source. `waiting_since`: start of a write that the client has not taken yet, in the event loop's time."""

    def __init__(
        self, log: Source, after: int, send: Send, *, comment_seconds: float = 15, rest: Callable[[], bytes] = bytes
    ) -> None:
        """`comment_seconds`: length of silence after which a comment is sent. `rest`: returns the last bytes of the answer, after
        those of the source."""
        self._comment_seconds = comment_seconds
        self._log = log
        self._after = after
        self._send = send
        self._rest = rest
        self._loop = asyncio.get_running_loop()
        self._idle: asyncio.Future[None] | None = None  # the task waits here for work
        self._unsent: _Begun | None = None
        self._spoke = self._loop.time()
        self._silence = self._loop.call_later(comment_seconds, self._break_silence)
        self.waiting_since: float | None = None

    async def run(self) -> None:
        """Writes until the log is closed and all of it is written, and then the end of the answer. Run it in a task that may be
        cancelled."""
        self._log.listen(self._wake)
        try:
            while not await self._catch_up():
                self._idle = self._loop.create_future()
                await self._idle
        finally:
            self._log.unlisten(self._wake)
            self._silence.cancel()

    async def _catch_up(self) -> bool:
        """Writes what there is. Returns whether it was the end, which goes out together with the last events."""
        if self._unsent is not None:
            unsent, self._unsent = self._unsent, None
            await unsent
            self.waiting_since = None
        while True:
            if not (batch := self._log.since(self._after)):
                if not self._log.closed:
                    return False
                await self._write(self._rest(), is_end=True)
                return True
            self._after = batch[-1].number
            *earlier, last = bodies(batch)
            for body in earlier:
                await self._write(body)
            if not self._log.since(self._after) and self._log.closed:
                await self._write(last + self._rest(), is_end=True)
                return True
            await self._write(last)

    async def _write(self, body: bytes, *, is_end: bool = False) -> None:
        self.waiting_since = self._spoke = self._loop.time()
        await self._send({"type": "http.response.body", "body": body, "more_body": not is_end})
        self.waiting_since = None

    def _wake(self) -> None:
        """Called after each append and at the close."""
        if self._idle is None or self._idle.done():
            return  # the task is writing, and will check again
        if self._log.closed:
            self._idle.set_result(None)
            return
        batch = self._log.since(self._after)
        writes = [batch[0].frame] if len(batch) == 1 else list(bodies(batch))
        if len(writes) == 1:
            self._after = batch[-1].number
            self._push(writes[0])
            if not self._log.closed:
                return
        if not self._idle.done():
            self._idle.set_result(None)  # there is more than one write takes, or the source closed while it was asked

    def _push(self, body: bytes) -> None:
        """Writes outside the waiting task, and leaves it the rest."""
        assert self._idle is not None
        self.waiting_since = self._spoke = self._loop.time()
        writing: Any = self._send({"type": "http.response.body", "body": body, "more_body": True})
        try:
            waits_for = writing.send(None)
        except StopIteration:
            self.waiting_since = None
        except Exception as error:
            self._idle.set_exception(error)
        else:
            self._unsent = _Begun(writing, waits_for)
            self._idle.set_result(None)

    def _break_silence(self) -> None:
        """Uses one timer that checks the clock, not one per event."""
        left = self._spoke + self._comment_seconds - self._loop.time()
        if left <= 0:
            left = self._comment_seconds
            if self._idle is not None and not self._idle.done():
                self._push(COMMENT)
        self._silence = self._loop.call_later(left, self._break_silence)


class _Begun:
    """A coroutine started outside a task, and the future it waits for. Await it in a task."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            yield self._waits_for
        except BaseException:
            self._coroutine.close()
            raise
        yield from self._coroutine.__await__()


def bodies(batch: Sequence[Framed]) -> Iterator[bytes]:
    """Yields the batch as bodies of whole events, up to 16 KiB each unless one event is larger."""
    frames: list[bytes] = []
    size = 0
    for record in batch:
        frame = record.frame
        if frames and size + len(frame) > WRITE_BYTES:
            yield b"".join(frames)
            frames, size = [], 0
        frames.append(frame)
        size += len(frame)
    if frames:
        yield b"".join(frames)
