"""One run: its owner, its log, its readers, and the way to stop it.

A run knows no message and no session; its sink does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import IntEnum
from typing import Literal

from msgspec import Struct

from lam.generation.contracts import Sink
from lam.protocol.events import ContentEvent, Event
from lam.protocol.outcome import Outcome
from lam.protocol.runs import Checkpoint, OpenRun
from lam.protocol.snapshot import Snapshot, condense
from lam.streams.log import StreamLog


class Life(IntEnum):
    """The stages of a run, in order: waiting for a place, running, ending decided, last event written, result stored.

    A run never goes back. While the database is unavailable, readers get the last event before the result is stored.
    """

    WAITING = 1
    RUNNING = 2
    ENDING = 3
    ENDED = 4
    SAVED = 5


class Stop(Struct, frozen=True):
    """A request to end a run. The reason `lost`: another gateway may have the run, which ends here without a result. `shown_chars`:
    UTF-16 code units of the answer that the person saw; None means all of them. `by`: the name of who asks, where several people
    could."""

    reason: Literal["stop", "timeout", "drain", "lost"] = "stop"
    shown_chars: int | None = None
    by: str | None = None


class Run:
    """A run, written by its pump and read by anybody. `droppable`: nobody waits for this work, so it makes way at once. `counts`:
    towards the runs that a user may have at once. `leaves_at_once`: a `cancel` run ends as soon as its last reader has left.

    `answer_now`: makes the model end its thinking; None where nothing can. Raises CannotAnswerNow and GenerationError.
    """

    def __init__(
        self,
        record: OpenRun,
        sink: Sink,
        log: StreamLog,
        *,
        detach_seconds: float,
        droppable: bool = False,
        counts: bool = True,
        leaves_at_once: bool = False,
        answer_now: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.id = record.id
        self.kind = record.kind
        self.key = record.key
        self.user_id = record.user_id
        self.on_disconnect = record.on_disconnect
        self.lease = record.lease
        self.sink = sink
        self.log = log
        self.droppable = droppable
        self.counts = counts and not droppable
        self.answer_now = answer_now
        self.began_at = datetime.now(UTC)
        self.life = Life.WAITING
        self.is_lost = False  # another gateway may have it
        self.outcome: Outcome | None = None
        self.stop_request: Stop | None = None
        self.cancel: Callable[[], object] = lambda: None
        self._snapshot = Snapshot()
        self._folded = 0  # number of the last event in `_snapshot`
        self._changes: set[asyncio.Future[None]] = set()
        self._detach_seconds = detach_seconds
        self._leaves_at_once = leaves_at_once
        self._readers = 0
        self._elsewhere: set[str] = set()  # other gateways with readers
        self._detach: asyncio.TimerHandle | None = None
        self._checkpointed = 0  # number of the last saved event
        self._await_reader()

    # Writing, by the pump alone

    def open(self, events: Sequence[Event]) -> None:
        """Writes the first events. Their content is already stored in the sink's rows."""
        self._checkpointed = self.log.append(events)

    def write(self, events: Sequence[Event]) -> None:
        self.log.append(events)

    def advance(self, life: Life) -> None:
        """Moves to a later stage; does nothing when the run is already there or further."""
        if life > self.life:
            self.life = life
            self._announce()

    def close(self, outcome: Outcome, terminal: Event) -> None:
        """Appends the last event and closes the log."""
        self.outcome = outcome
        self.log.append([terminal], last=True)
        self.advance(Life.ENDED)
        if self._detach:
            self._detach.cancel()

    def abandon(self) -> None:
        """Closes the log without a last event: the run goes on elsewhere, or ends there."""
        self.is_lost = True
        self.log.close()
        self.advance(Life.ENDED)
        if self._detach:
            self._detach.cancel()

    @property
    def snapshot(self) -> Snapshot:
        """The fold of all events so far. It is computed on demand, not for every token."""
        for record in self.log.since(self._folded):
            self._snapshot.add(record.event)
        self._folded = self.log.last
        return self._snapshot

    # Stopping

    def stop(self, request: Stop) -> bool:
        """Ends the run at any stage. Returns False, and changes nothing, when its ending is already decided."""
        if self.life >= Life.ENDING or self.stop_request is not None:
            return False
        self.stop_request = request
        self.cancel()
        return True

    def lose(self) -> None:
        """Ends the run without a result. Does nothing once the last event is written."""
        if self.life < Life.ENDED:
            self.is_lost = True
            if self.life < Life.ENDING:
                self.stop_request = Stop("lost")
                self.cancel()

    # Waiting

    async def until(self, seconds: float | None, is_so: "Callable[[Run], bool]") -> bool:
        """Waits until `is_so(run)` holds, checking at every change of stage or readers. Returns False after `seconds`; None means
        no limit."""
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
        """Waits until the last event is written."""
        await self.until(None, lambda run: run.life >= Life.ENDED)

    async def saved(self, seconds: float) -> bool:
        """Waits until the result is stored. Returns False after `seconds`."""
        return await self.until(seconds, lambda run: run.life is Life.SAVED)

    def _announce(self) -> None:
        for change in self._changes:
            if not change.done():
                change.set_result(None)

    # Reading

    @property
    def readers(self) -> int:
        """The number of readers here and of other gateways with readers."""
        return self._readers + len(self._elsewhere)

    @property
    def has_readers(self) -> bool:
        return self._readers > 0 or bool(self._elsewhere)

    def read_from(self, gateway: str, *, reads: bool) -> None:
        """Notes whether another gateway has readers."""
        if reads != (gateway in self._elsewhere):
            self._elsewhere ^= {gateway}
            self._watch_readers()

    def read_only_from(self, gateways: Collection[str]) -> None:
        """Forgets the readers at all gateways but these."""
        for gateway in self._elsewhere.difference(gateways):
            self.read_from(gateway, reads=False)

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
        if not self.has_readers and self._leaves_at_once and self.on_disconnect == "cancel":
            self.stop(Stop())
        elif not self.has_readers:
            self._await_reader()
        self._announce()

    def _await_reader(self) -> None:
        """Stops a `cancel` run without readers, unless one comes within `detach_seconds`."""
        if self.on_disconnect == "cancel" and self.life < Life.ENDED:
            self._detach = asyncio.get_running_loop().call_later(self._detach_seconds, self.stop, Stop())

    # Checkpoints

    def unsaved(self) -> Checkpoint | None:
        """Returns the events since the last checkpoint, None when there are none to save."""
        records = self.log.since(self._checkpointed)
        events = condense(record.event for record in records)
        if not events:
            return None
        pieces = sum(isinstance(record.event, ContentEvent) for record in records)
        return Checkpoint(lease=self.lease, since=self._checkpointed, number=self.log.last, events=events, pieces=pieces)

    def checkpointed(self, checkpoint: Checkpoint) -> None:
        self._checkpointed = checkpoint.number
