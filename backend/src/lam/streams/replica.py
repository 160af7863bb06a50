"""Writes the logs of this gateway to Redis, where the other gateways read them. It must not know what a run is.

No token waits for Redis: an append only marks its log, and one task writes all marked logs in one pipeline some milliseconds later.
Redis owns nothing: what it loses is written again from memory.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from lam.background import Background
from lam.errors import Unreachable
from lam.redis.link import Link
from lam.streams.entries import FIELD, entries_of, entry_id, parts_of
from lam.streams.log import StreamLog, has_ended
from lam.streams.memory_log import Shelf

log = logging.getLogger(__name__)

TICK: Final = 0.015  # seconds between two pipelines
PIPELINE_BYTES: Final = 1 << 20
KEEP_SECONDS: Final = 300
"""How long Redis keeps the log of a run that has ended."""
FORGET_SECONDS: Final = 3600
"""How long Redis keeps a log to which nothing is added: its gateway may have died."""
LAST_WORD_SECONDS: Final = 1.0


def key_of(link: Link, stream_id: str) -> bytes:
    """Returns the key of a log in Redis."""
    return link.key("run", stream_id)


class Replica:
    """An async context manager. `valid()`: whether this gateway surely owns its runs; nothing is written while it does not."""

    def __init__(self, link: Link, shelf: Shelf, *, valid: Callable[[], bool] = lambda: True) -> None:
        self._link = link
        self._shelf = shelf
        self._valid = valid
        self._copies: dict[str, _Copy] = {}
        self._ended: dict[str, tuple[float, int]] = {}  # when it ended, and its epoch
        self._dirty: set[_Copy] = set()
        self._work = asyncio.Event()
        self._tasks = Background()
        link.after_return.append(self._returned)

    async def __aenter__(self) -> Self:
        self._clock = asyncio.get_running_loop().time
        self._tasks.keep("replica", self._keep_writing)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()
        self._link.after_return.remove(self._returned)
        try:
            async with asyncio.timeout(LAST_WORD_SECONDS):
                while self._dirty and self._link.since_lost is None and self._valid():
                    await self._write()
        except (TimeoutError, Unreachable):
            pass
        for copy in list(self._copies.values()):
            self._drop(copy)

    def add(self, stream_id: str, epoch: int, log: StreamLog) -> None:
        """Writes a log from its first event until it is closed."""
        if (before := self._copies.get(stream_id)) is not None:
            self._drop(before)
        self._add(stream_id, epoch, log)

    def _add(self, stream_id: str, epoch: int, log: StreamLog) -> "_Copy":
        copy = self._copies[stream_id] = _Copy(stream_id, key_of(self._link, stream_id), epoch, log)
        copy.note = partial(self._dirty.add, copy)
        log.listen(copy.note)
        self._dirty.add(copy)
        self._work.set()
        return copy

    def _drop(self, copy: "_Copy") -> None:
        copy.log.unlisten(copy.note)
        self._dirty.discard(copy)
        del self._copies[copy.stream_id]

    # Writing

    async def _keep_writing(self) -> None:
        pace = self._link.pace
        pause = pace.first_pause
        while True:
            await self._work.wait()
            if not self._copies:
                self._work.clear()
                continue
            await asyncio.sleep(TICK)
            if not self._dirty or not self._valid():
                continue
            try:
                await self._write()
                pause = pace.first_pause
            except Unreachable:  # the link says so in the log
                await asyncio.sleep(pause)
                pause = min(2 * pause, pace.longest_pause)

    async def _write(self) -> None:
        """Writes what is new in the marked logs, up to a limit; the next call writes the rest."""
        await self._look([copy for copy in self._dirty if copy.unsure])
        writes = _Writes()
        for copy in [copy for copy in self._dirty if not copy.unsure]:
            if writes.size > PIPELINE_BYTES:
                break
            if copy.log.closed and not has_ended(copy.log):  # another gateway has the run, and writes its log
                self._drop(copy)
                continue
            self._dirty.discard(copy)
            writes.take(copy, self._clock())
        try:
            answers = await self._link.run(writes.commands) if writes.commands else []
        except BaseException:
            self._doubt(writes.copies)
            raise
        for (copy, number), answer in zip(writes.numbers, answers, strict=True):
            if isinstance(answer, bytes):
                copy.sent = number
            elif number:  # the stream is gone, or has what an owner with a higher epoch wrote
                self._doubt([copy])
        for copy in writes.copies:
            if self._copies.get(copy.stream_id) is not copy or copy.unsure:
                continue
            if copy.sent < copy.log.last:
                self._dirty.add(copy)
            elif copy.log.closed:
                self._leave(copy)

    def _leave(self, copy: "_Copy") -> None:
        """Remembers a log whose last event is written, in case Redis loses it."""
        self._drop(copy)
        now = self._clock()
        self._ended.pop(copy.stream_id, None)
        self._ended[copy.stream_id] = now, copy.epoch
        while now - next(iter(self._ended.values()))[0] > KEEP_SECONDS:
            del self._ended[next(iter(self._ended))]

    def _doubt(self, copies: Iterable["_Copy"]) -> None:
        """Marks logs of which it is unknown how far Redis has them; `_look` asks."""
        for copy in copies:
            if self._copies.get(copy.stream_id) is copy:
                copy.unsure = True
                self._dirty.add(copy)

    async def _look(self, copies: Sequence["_Copy"]) -> None:
        """Asks Redis how far it has these logs, and drops those that another gateway writes."""
        if not copies:
            return
        answers = await self._link.run([("XREVRANGE", copy.key, "+", "-", "COUNT", 1) for copy in copies])
        for copy, answer in zip(copies, answers, strict=True):
            epoch, number = _parts(answer)
            if epoch > copy.epoch:
                log.warning("The stream %s went to another gateway; it is no longer written here", copy.stream_id)
                self._drop(copy)
            else:
                copy.begin_at(number if epoch == copy.epoch else None)

    def _returned(self) -> None:
        """Redis may have come back empty: asks how far it has each log, also those that ended a short time ago."""
        now = self._clock()
        for stream_id, (since, epoch) in list(self._ended.items()):
            ended = self._shelf.get(stream_id)
            if ended is not None and stream_id not in self._copies and now - since <= KEEP_SECONDS:
                self._add(stream_id, epoch, ended)
        self._doubt(self._copies.values())


class _Copy:
    """A log and how far Redis has it. `unsure`: Redis must be asked. `exists`: whether the stream exists, as far as we know.
    `sent`: the number of the last event there."""

    __slots__ = ("__weakref__", "_start", "epoch", "exists", "key", "log", "note", "renew_at", "sent", "stream_id", "unsure")

    def __init__(self, stream_id: str, key: bytes, epoch: int, log: StreamLog) -> None:
        self.stream_id = stream_id
        self.key = key
        self.epoch = epoch
        self.log = log
        self.note: Callable[[], None] = lambda: None
        records = log.since(0)
        self._start = records[0].number - 1 if records else log.last
        self.begin_at(None)

    def begin_at(self, number: int | None) -> None:
        """Writes on after `number`; None: all of it, to a stream that does not exist or is of an older epoch."""
        self.unsure = False
        self.exists = number is not None
        self.sent = self._start if number is None else number
        self.renew_at = 0.0

    def command(self, number: int, entry: bytes) -> Sequence[Any]:
        """Returns the command that adds an entry. It adds nothing to a stream that should exist and does not: that would have a
        gap. The first entry removes those of owners with lower epochs."""
        id_ = entry_id(self.epoch, number)
        if self.exists:
            return ("XADD", self.key, "NOMKSTREAM", id_, FIELD, entry)
        self.exists = True
        return ("XADD", self.key, "MINID", "=", entry_id(self.epoch, 0), id_, FIELD, entry)


class _Writes:
    """The commands of one pipeline. `numbers`: for each, its log and the number that it brings Redis to, or 0."""

    def __init__(self) -> None:
        self.commands: list[Sequence[Any]] = []
        self.numbers: list[tuple[_Copy, int]] = []
        self.copies: list[_Copy] = []
        self.size = 0

    def take(self, copy: _Copy, now: float) -> None:
        """Adds what is new in a log, until there is enough."""
        self.copies.append(copy)
        number = copy.sent
        for number, entry in entries_of(copy.log.since(copy.sent)):
            self._add(copy, number, copy.command(number, entry))
            self.size += len(entry)
            if self.size > PIPELINE_BYTES:
                break
        if number == copy.log.last and copy.log.closed:
            self._add(copy, 0, ("EXPIRE", copy.key, KEEP_SECONDS))
        elif now >= copy.renew_at:
            copy.renew_at = now + FORGET_SECONDS / 3
            self._add(copy, 0, ("EXPIRE", copy.key, FORGET_SECONDS))

    def _add(self, copy: _Copy, number: int, command: Sequence[Any]) -> None:
        self.commands.append(command)
        self.numbers.append((copy, number))


def _parts(answer: Any) -> tuple[int, int]:
    """Returns epoch and number of a stream's last entry; zeros where there is none."""
    return parts_of(answer[0][0]) if answer else (0, 0)
