"""A run of another gateway: what this one needs to read it, to wait for it, and to have it stopped.

It must not know how gateways talk; an `Elsewhere` does.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Protocol

from msgspec import Struct

from lam.generation.run import Life, Run
from lam.protocol.runs import OnDisconnect, OpenRun
from lam.streams.memory_log import KEEP_SECONDS


class Begun(Struct, frozen=True, kw_only=True):
    """What a gateway tells the others of a run that began. `epoch`: of its lease. `counts`, `droppable`: as of `Run`. `began_at`:
    seconds since 1970."""

    id: str
    epoch: int
    kind: str
    key: str | None
    user_id: int
    on_disconnect: OnDisconnect
    began_at: float
    counts: bool = True
    droppable: bool = False

    @classmethod
    def of(cls, run: Run) -> "Begun":
        return cls(
            id=run.id,
            epoch=run.lease.epoch,
            kind=run.kind,
            key=run.key,
            user_id=run.user_id,
            on_disconnect=run.on_disconnect,
            began_at=run.began_at.timestamp(),
            counts=run.counts,
            droppable=run.droppable,
        )

    @classmethod
    def of_row(cls, row: OpenRun) -> "Begun":
        """Returns what a row holds; it is taken to count and to begin now, because that is not stored."""
        now = datetime.now(UTC).timestamp()
        return cls(
            id=row.id,
            epoch=row.epoch,
            kind=row.kind,
            key=row.key,
            user_id=row.user_id,
            on_disconnect=row.on_disconnect,
            began_at=now,
        )


class RemoteRun:
    """A run whose log another gateway writes. It may move to a third one, or to this one. `tell(run, reads)` is called when its
    first reader comes here, and when the last one leaves."""

    def __init__(self, begun: Begun, owner: str, tell: "Callable[[RemoteRun, bool], None]") -> None:
        self.id = begun.id
        self.kind = begun.kind
        self.key = begun.key
        self.user_id = begun.user_id
        self.on_disconnect = begun.on_disconnect
        self.began_at = datetime.fromtimestamp(begun.began_at, UTC)
        self.counts = begun.counts
        self.droppable = begun.droppable
        self.owner = owner
        self.epoch = begun.epoch
        self.life = Life.RUNNING
        self.status: str | None = None  # of its result, once that is known
        self._tell = tell
        self._readers = 0
        self._ended = asyncio.Event()
        self._ended_at: float | None = None

    def move(self, owner: str, epoch: int) -> bool:
        """Notes who has it. Returns whether that is news: an earlier epoch than the known one is not."""
        if epoch < self.epoch or (owner, epoch) == (self.owner, self.epoch):
            return False
        self.owner, self.epoch = owner, epoch
        return True

    @property
    def is_read(self) -> bool:
        """Whether somebody reads it here."""
        return self._readers > 0

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Counts a reader while it is connected."""
        self._readers += 1
        if self._readers == 1:
            self._tell(self, True)
        try:
            yield
        finally:
            self._readers -= 1
            if not self._readers:
                self._tell(self, False)

    @property
    def is_kept(self) -> bool:
        """Whether its log may still be read, though it has ended."""
        return self._ended_at is not None and monotonic() - self._ended_at < KEEP_SECONDS

    def end(self, status: str | None) -> None:
        """Notes that it has ended and that its result is stored."""
        self._ended_at = monotonic()
        self.status = status
        self.life = Life.SAVED
        self._ended.set()

    async def ended(self) -> None:
        """Waits until it has ended."""
        await self._ended.wait()

    async def saved(self, seconds: float) -> bool:
        """Waits until its result is stored. Returns False after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True


AnyRun = Run | RemoteRun


class Elsewhere(Protocol):
    """The runs of the other gateways. A method that asks one of them raises Unreachable when there is no answer."""

    @property
    def valid(self) -> bool:
        """Whether this gateway may start runs: its lease holds."""
        ...

    def get(self, run_id: str) -> RemoteRun | None:
        """Returns a run that runs elsewhere, as far as is known."""
        ...

    def of_key(self, key: str) -> RemoteRun | None:
        """Returns the key's run elsewhere, as far as is known."""
        ...

    def running(self) -> Collection[RemoteRun]:
        """Returns the runs elsewhere, as far as is known."""
        ...

    async def find(self, run_id: str) -> RemoteRun | None:
        """Returns a run that runs elsewhere, also one of which only the store knows. Raises StorageUnavailable."""
        ...

    def has_ended(self, run_id: str) -> bool:
        """Returns whether the run ran elsewhere until a moment ago, so that its log may still be there."""
        ...

    async def make_room(self, run: RemoteRun, *, displaces: bool) -> None:
        """Waits until the run has ended, or makes it end, as `Supervisor.claim` does with a run here. Raises SessionBusy."""
        ...

    async def stop(self, run: RemoteRun, shown_chars: int | None, by: str | None) -> str | None:
        """Stops a run, as `Supervisor.stop` does. Returns the status of its result, None while that is not stored."""
        ...

    async def answer_now(self, run: RemoteRun) -> None:
        """Makes the model end its thinking. Raises CannotAnswerNow and a GenerationError."""
        ...

    async def end(self, *, run_id: str | None = None, key: str | None = None, user_id: int | None = None) -> None:
        """Ends the run, the key's run, or all runs of the user, and waits until their results are stored. Raises SessionBusy when
        that takes too long."""
        ...

    async def leave(self) -> None:
        """Lets the others know that this gateway stops."""
        ...

    def can_give_away(self, run: Run) -> bool:
        """Returns whether another gateway could make this run go on."""
        ...

    def announce_gift(self) -> None:
        """Tells the others that runs were given away."""
        ...
