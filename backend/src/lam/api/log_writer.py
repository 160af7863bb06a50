"""Writes a stream's log to one HTTP connection: whole events, in writes of at most 16 KiB unless one event is larger.

What is appended goes out in the appender's own step. A task of its own would be woken in the event loop's next turn, and where
tokens come one by one that turn costs as much as the write (decision 31). The task writes what was missed, and whenever the other
side takes nothing: the log is the only buffer, so nobody waits for a slow reader.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from typing import Any, Final, Protocol

from starlette.types import Send

from lam.protocol.sse import COMMENT

WRITE_BYTES: Final = 16384


class Framed(Protocol):
    """Something numbered, as it goes over the wire."""

    @property
    def number(self) -> int: ...

    @property
    def frame(self) -> bytes: ...


class Source(Protocol):
    """What a writer reads: a `StreamLog`, or an event connection that merges several."""

    @property
    def closed(self) -> bool:
        """Nothing more will come."""
        ...

    def since(self, after: int) -> Sequence[Framed]:
        """What has higher numbers, or the beginning of that: then more than one write takes."""
        ...

    def listen(self, heard: Callable[[], None]) -> None:
        """`heard()` is called when there is more, and at the close."""
        ...

    def unlisten(self, heard: Callable[[], None]) -> None:
        """`heard` is not called any more."""
        ...


class LogWriter:
    """`waiting_since`: when a write began that the other side has not taken yet, in the event loop's time."""

    def __init__(self, log: Source, after: int, send: Send, *, comment_seconds: float = 15) -> None:
        """`comment_seconds`: of silence, which a comment breaks."""
        self._comment_seconds = comment_seconds
        self._log = log
        self._after = after
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._idle: asyncio.Future[None] | None = None  # the task waits here for what it has to do itself
        self._unsent: _Begun | None = None
        self._spoke = self._loop.time()
        self._silence = self._loop.call_later(comment_seconds, self._break_silence)
        self.waiting_since: float | None = None

    async def run(self) -> None:
        """Until the log is closed and all of it is written; to be run in a task that may be cancelled."""
        self._log.listen(self._heard)
        try:
            while True:
                await self._catch_up()
                if self._log.closed:
                    return
                self._idle = self._loop.create_future()
                await self._idle
        finally:
            self._log.unlisten(self._heard)
            self._silence.cancel()

    async def _catch_up(self) -> None:
        if self._unsent is not None:
            unsent, self._unsent = self._unsent, None
            await unsent
            self.waiting_since = None
        while batch := self._log.since(self._after):
            self._after = batch[-1].number
            for body in bodies(batch):
                self.waiting_since = self._spoke = self._loop.time()
                await self._send({"type": "http.response.body", "body": body, "more_body": True})
                self.waiting_since = None

    def _heard(self) -> None:
        """Something was appended, or the log was closed."""
        if self._idle is None or self._idle.done():
            return  # the task is writing, and looks again
        batch = self._log.since(self._after)
        writes = [batch[0].frame] if len(batch) == 1 else list(bodies(batch))
        if len(writes) == 1:
            self._after = batch[-1].number
            self._push(writes[0])
        elif not self._idle.done():
            self._idle.set_result(None)  # the log was closed, or there is more than one write takes

    def _push(self, body: bytes) -> None:
        """Writes outside of the task, which waits, and gets what does not go out at once."""
        assert self._idle is not None
        self.waiting_since = self._spoke = self._loop.time()
        begun: Any = self._send({"type": "http.response.body", "body": body, "more_body": True})
        try:
            waits_for = begun.send(None)
        except StopIteration:
            self.waiting_since = None
        except Exception as error:
            self._idle.set_exception(error)
        else:
            self._unsent = _Begun(begun, waits_for)
            self._idle.set_result(None)

    def _break_silence(self) -> None:
        """One timer that looks at the clock, not one for each event."""
        left = self._spoke + self._comment_seconds - self._loop.time()
        if left <= 0:
            left = self._comment_seconds
            if self._idle is not None and not self._idle.done():
                self._push(COMMENT)
        self._silence = self._loop.call_later(left, self._break_silence)


class _Begun:
    """A coroutine that was begun outside of a task, and what it waits for: to be awaited in one."""

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
    """The batch as writes of whole events, each of at most 16 KiB unless one event is larger."""
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
