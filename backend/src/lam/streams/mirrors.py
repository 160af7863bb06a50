"""The logs of other gateways' runs, which follow what their owners write to Redis. They are read like any log.

This module must not know who owns a run.
"""

import asyncio
import logging
from functools import partial
from types import TracebackType
from typing import Final, Self

from lam.background import Background
from lam.callbacks import call_each
from lam.errors import Unreachable
from lam.protocol.events import TERMINAL
from lam.redis.link import Fields, Link
from lam.streams.entries import FIELD, parts_of, records_of
from lam.streams.log import has_ended
from lam.streams.memory_log import MemoryLog
from lam.streams.replica import key_of

log = logging.getLogger(__name__)

PATIENCE: Final = 2.0
"""Seconds that `open` waits for the first event of a stream, and for the events that its reader has already."""
LOST_SECONDS: Final = 5.0
"""How long readers wait for Redis. Then their connections end, and they resume elsewhere."""
CHECK_SECONDS: Final = 5.0


class Mirror(MemoryLog):
    """A log that another gateway writes. It may be closed without a last event: then its readers ask again.

    When the run goes to another gateway, the log begins anew with far larger numbers, and its first event tells the readers so.
    """

    def __init__(self) -> None:
        super().__init__()
        self._epoch = 0
        self._changed = asyncio.Event()
        self.unread_since: float | None = None  # None while somebody listens
        self.last_entry_at = 0.0

    @property
    def is_read(self) -> bool:
        return bool(self._listeners)

    def take(self, id_: bytes, fields: Fields) -> None:
        """Adds the records of an entry, without those that the log has and those of an earlier owner. `tell` tells the readers."""
        epoch, _ = parts_of(id_)
        if self._closed or epoch < self._epoch or (body := fields.get(FIELD)) is None:
            return
        records = records_of(body)
        if epoch > self._epoch:
            self._epoch, self._start, self._records = epoch, records[0].number - 1, []
            self._last = self._start
        elif records[0].number <= self._last:
            records = [record for record in records if record.number > self._last]
            if not records:
                return
        if records[0].number != self._last + 1:
            log.warning("Events of a stream are missing in Redis; its readers ask anew")
            self.close()
            return
        self._records += records
        self._last = records[-1].number
        if isinstance(records[-1].event, TERMINAL):
            self.close()

    def tell(self) -> None:
        """Tells the readers that there is more."""
        self._changed.set()
        for callback in tuple(self._listeners):
            callback()

    def close(self) -> None:
        if not self._closed:
            self._changed.set()
            super().close()

    async def reached(self, number: int) -> None:
        """Waits until the log has the events up to `number`, or is closed."""
        while not self._closed and (not self._records or self.last < number):
            self._changed.clear()
            await self._changed.wait()

    @property
    def is_empty(self) -> bool:
        return not self._records


class Mirrors:
    """The mirrors of this gateway: one for each stream, for all its readers here. An async context manager.

    `patience`: seconds for events to come. `lost_seconds`: how long readers wait for Redis. `check_seconds`: between two checks; a
    mirror without a reader is closed at the second one.
    """

    def __init__(
        self, link: Link, *, patience: float = PATIENCE, lost_seconds: float = LOST_SECONDS, check_seconds: float = CHECK_SECONDS
    ) -> None:
        self._link = link
        self._patience = patience
        self._lost_seconds = lost_seconds
        self._check_seconds = check_seconds
        self._mirrors: dict[str, Mirror] = {}
        self._unheard: dict[str, Mirror] = {}  # those with entries in this read
        self._is_leaving = False
        self._tasks = Background()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._link.after_loss.append(self._watch_loss)
        self._link.after_read.append(self._tell)
        self._tasks.keep("mirrors", self._keep_checking)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._link.after_loss.remove(self._watch_loss)
        self._link.after_read.remove(self._tell)
        await self._tasks.close()
        self._close_all()

    async def open(self, stream_id: str, after: int = 0) -> Mirror | None:
        """Returns the log of a run of another gateway, once it has the events up to `after`, or after `patience` seconds without
        them. Returns None when Redis has nothing of it. Raises Unreachable while Redis is away, and after `leave`."""
        if self._link.since_lost is not None or self._is_leaving:
            raise Unreachable
        mirror = self._mirrors.get(stream_id)
        if mirror is None or (mirror.closed and not has_ended(mirror)):
            mirror = self._mirrors[stream_id] = Mirror()
            mirror.last_entry_at = self._loop.time()
            self._link.follow(key_of(self._link, stream_id), partial(self._take, stream_id, mirror))
        mirror.unread_since = None
        try:
            async with asyncio.timeout(self._patience):
                await mirror.reached(after)
        except TimeoutError:
            if self._link.since_lost is not None:
                raise Unreachable from None
        if not mirror.is_empty:
            return mirror
        if not mirror.is_read:
            self._close(stream_id, mirror)
        return None

    def leave(self) -> None:
        """Ends the connections of all readers, because this gateway stops: they resume at another one."""
        self._is_leaving = True
        self._close_all()

    def ended(self, stream_id: str) -> None:
        """Notes that a run is over: a mirror without its last event is closed after `patience` seconds, and its readers get the
        stored result."""
        if (mirror := self._mirrors.get(stream_id)) is not None:
            self._loop.call_later(self._patience, self._end, stream_id, mirror)

    def _end(self, stream_id: str, mirror: Mirror) -> None:
        if not mirror.closed:
            self._close(stream_id, mirror)

    def _take(self, stream_id: str, mirror: Mirror, id_: bytes, fields: Fields) -> None:
        mirror.last_entry_at = self._loop.time()
        mirror.take(id_, fields)
        self._unheard[stream_id] = mirror
        if mirror.closed and self._mirrors.get(stream_id) is mirror:
            self._link.unfollow(key_of(self._link, stream_id))

    def _tell(self) -> None:
        """Tells the readers of all that a read brought: a reader writes once, though it was more than one entry."""
        unheard, self._unheard = self._unheard, {}
        call_each(
            [mirror.tell for mirror in unheard.values() if not mirror.closed], event="a read from Redis"
        )  # a close tells, too

    def _close(self, stream_id: str, mirror: Mirror) -> None:
        if self._mirrors.get(stream_id) is mirror:
            self._link.unfollow(key_of(self._link, stream_id))
            del self._mirrors[stream_id]
        mirror.close()

    def _close_all(self) -> None:
        for stream_id, mirror in list(self._mirrors.items()):
            self._close(stream_id, mirror)

    def _watch_loss(self) -> None:
        self._tasks.run("mirrors-lost", self._give_up)

    async def _give_up(self) -> None:
        """Closes the mirrors if Redis does not come back in time."""
        while (since := self._link.since_lost) is not None:
            if since >= self._lost_seconds:
                self._close_all()
                return
            await asyncio.sleep(self._lost_seconds - since)

    async def _keep_checking(self) -> None:
        while True:
            await asyncio.sleep(self._check_seconds)
            self._drop_unread()
            try:
                await self._drop_missing()
            except Unreachable:
                pass

    def _drop_unread(self) -> None:
        now = self._loop.time()
        for stream_id, mirror in list(self._mirrors.items()):
            if mirror.is_read:
                mirror.unread_since = None
            elif mirror.unread_since is None:
                mirror.unread_since = now
            elif now - mirror.unread_since >= self._check_seconds:
                self._close(stream_id, mirror)

    async def _drop_missing(self) -> None:
        """Closes mirrors that have been silent for a while and whose stream is missing in Redis."""
        silent = [one for one, mirror in self._mirrors.items() if not mirror.closed and self._is_silent(mirror)]
        if not silent:
            return
        answers = await self._link.run([("EXISTS", key_of(self._link, stream_id)) for stream_id in silent])
        for stream_id, answer in zip(silent, answers, strict=True):
            mirror = self._mirrors.get(stream_id)
            if answer == 0 and mirror is not None and self._is_silent(mirror):
                self._close(stream_id, mirror)

    def _is_silent(self, mirror: Mirror) -> bool:
        return self._loop.time() - mirror.last_entry_at >= 2 * self._check_seconds
