"""One run as everybody may know it: whose it is, what it has written, who reads it, and how to stop it."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import IntEnum
from typing import Literal

from msgspec import Struct

from lam.generation.contracts import Sink
from lam.protocol.events import Event
from lam.protocol.outcome import Outcome
from lam.protocol.runs import Checkpoint, OpenRun
from lam.protocol.snapshot import Snapshot, condensed
from lam.streams.log import StreamLog


class Life(IntEnum):
    """A run only moves forward: it waits for a place, runs, how it ends is decided, its last event stands, its result is stored.

    A database that is away can make the last two take long; then readers get their ending first.
    """

    WAITING = 1
    RUNNING = 2
    ENDING = 3
    ENDED = 4
    SAVED = 5


class Stop(Struct, frozen=True):
    """Why a run is ended from outside. `shown_chars`: UTF-16 code units of the answer that a person has seen; None: all."""

    reason: Literal["stop", "timeout", "drain"] = "stop"
    shown_chars: int | None = None


class Run:
    """The pump writes it. `droppable`: work that nobody waits for, which makes way at once."""

    def __init__(self, record: OpenRun, sink: Sink, log: StreamLog, *, detach_seconds: float, droppable: bool = False) -> None:
        self.id = record.id
        self.kind = record.kind
        self.key = record.key
        self.user_id = record.user_id
        self.on_disconnect = record.on_disconnect
        self.lease = record.lease
        self.sink = sink
        self.log = log
        self.droppable = droppable
        self.began_at = datetime.now(UTC)
        self.life = Life.WAITING
        self.outcome: Outcome | None = None
        self.stop_request: Stop | None = None
        self.cancel: Callable[[], object] = lambda: None
        self._snapshot = Snapshot()
        self._folded = 0  # the last event in it
        self._changes: set[asyncio.Future[None]] = set()
        self._detach_seconds = detach_seconds
        self._readers = 0
        self._detach: asyncio.TimerHandle | None = None
        self._checkpointed = 0  # the last event that is saved
        self._await_reader()

    # Writing, by the pump alone

    def open(self, events: Sequence[Event]) -> None:
        """The first events. The rows that the run is about hold already what these tell."""
        self._checkpointed = self.log.append(events)

    def write(self, events: Sequence[Event]) -> None:
        self.log.append(events)

    def advance(self, life: Life) -> None:
        """Moves on to a later stage of its life; an earlier one changes nothing."""
        if life > self.life:
            self.life = life
            self._announce()

    def close(self, outcome: Outcome, terminal: Event) -> None:
        """The one ending: the terminal event, and after it nothing."""
        self.outcome = outcome
        self.log.append([terminal])
        self.log.close()
        self.advance(Life.ENDED)
        if self._detach:
            self._detach.cancel()

    @property
    def snapshot(self) -> Snapshot:
        """Of all that was written; folded when somebody asks, not token by token."""
        for record in self.log.since(self._folded):
            self._snapshot.add(record.event)
        self._folded = self.log.last
        return self._snapshot

    # Stopping

    def stop(self, request: Stop) -> bool:
        """Ends the run in whatever stage it is; False when its end was already decided, and nothing changes."""
        if self.life >= Life.ENDING or self.stop_request is not None:
            return False
        self.stop_request = request
        self.cancel()
        return True

    # Waiting for it

    async def until(self, seconds: float | None, is_so: "Callable[[Run], bool]") -> bool:
        """Whether that comes to hold of the run within so many seconds; looked at whenever its life or its readers change."""
        try:
            async with asyncio.timeout(seconds):
                while not is_so(self):
                    change = asyncio.get_running_loop().create_future()
                    self._changes.add(change)
                    try:
                        await change
                    finally:
                        self._changes.discard(change)
        except TimeoutError:
            return False
        return True

    async def ended(self) -> None:
        """Returns once its last event stands."""
        await self.until(None, lambda run: run.life >= Life.ENDED)

    async def saved(self, seconds: float) -> bool:
        """Whether its result is stored within so many seconds."""
        return await self.until(seconds, lambda run: run.life is Life.SAVED)

    def _announce(self) -> None:
        for change in self._changes:
            if not change.done():
                change.set_result(None)

    # Reading

    @property
    def readers(self) -> int:
        return self._readers

    @property
    def has_readers(self) -> bool:
        return self._readers > 0

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Counts a reader while it is connected."""
        self._readers += 1
        self._watch_readers()
        try:
            yield
        finally:
            self._readers -= 1
            self._watch_readers()

    def _watch_readers(self) -> None:
        if self._detach:
            self._detach.cancel()
            self._detach = None
        if not self._readers:
            self._await_reader()
        self._announce()

    def _await_reader(self) -> None:
        """Nobody reads (any more, or yet): a `cancel` run is stopped unless somebody comes in time."""
        if self.on_disconnect == "cancel" and self.life < Life.ENDED:
            self._detach = asyncio.get_running_loop().call_later(self._detach_seconds, self.stop, Stop())

    # Checkpoints

    def unsaved(self) -> Checkpoint | None:
        """The events since the last checkpoint that was taken, None if there is nothing to save in them."""
        events = condensed(record.event for record in self.log.since(self._checkpointed))
        return Checkpoint(self.lease, self._checkpointed, self.log.last, events) if events else None

    def checkpointed(self, taken: Checkpoint) -> None:
        self._checkpointed = taken.number
