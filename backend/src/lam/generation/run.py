"""One generation as everybody may know it: who it belongs to, what it has written, who reads it, and how to stop it."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

from msgspec import Struct

from lam.protocol.chat import ChatRequest
from lam.protocol.events import Event
from lam.protocol.snapshot import Snapshot, condensed
from lam.storage.models import Checkpoint, Ending
from lam.streams.log import StreamLog

OnDisconnect = Literal["cancel", "continue"]


class Order(Struct, frozen=True):
    """What a run is about: the request, and the rows that already stand in the database.

    `so_far`, `thought_so_far`, `calls_so_far`: of the reply that this run goes on with. `about`: what the reply's metadata tells
    from its beginning.
    """

    session_id: int
    session_key: str
    user_id: int
    user_message_id: int
    assistant_message_id: int
    request: ChatRequest
    on_disconnect: OnDisconnect = "cancel"
    so_far: str = ""
    thought_so_far: str = ""
    wants_title: bool = False
    calls_so_far: tuple[dict[str, Any], ...] = ()
    about: dict[str, Any] | None = None


class Stop(Struct, frozen=True):
    """Why a run is ended from outside. `shown_chars`: UTF-16 code units of the answer that a person has seen; None: all."""

    reason: Literal["stop", "timeout", "unserved", "drain"] = "stop"
    shown_chars: int | None = None


class Run:
    """A running generation. The pump writes it; `ended` is set once its terminal event stands, `saved` once its message does."""

    def __init__(self, stream_id: str, order: Order, log: StreamLog, *, detach_seconds: float) -> None:
        self.stream_id = stream_id
        self.order = order
        self.log = log
        self.began_at = datetime.now(UTC)
        self._snapshot = Snapshot()
        self._folded = 0  # the last event in it
        self.ended = asyncio.Event()
        self.saved = asyncio.Event()
        self.lonely = asyncio.Event()
        self.ending: Ending | None = None
        self.stop_request: Stop | None = None
        self.cancel: Callable[[], object] = lambda: None
        self.settled = False  # how the run ends can no longer change
        self.has_checkpoints = False
        self._detach_seconds = detach_seconds
        self._readers = 0
        self._detach: asyncio.TimerHandle | None = None
        self._checkpointed = 0  # the last event that is saved
        self._await_reader()

    # Writing, by the pump alone

    def open(self, events: Sequence[Event]) -> None:
        """The first events. What they tell its row holds already."""
        self._checkpointed = self.log.append(events)

    def write(self, events: Sequence[Event]) -> None:
        self.log.append(events)

    @property
    def snapshot(self) -> Snapshot:
        """Of all that was written; folded when somebody asks, not token by token."""
        for record in self.log.since(self._folded):
            self._snapshot.add(record.event)
        self._folded = self.log.last
        return self._snapshot

    def close(self, ending: Ending, terminal: Event) -> None:
        """The one ending: the terminal event, and after it nothing."""
        self.ending = ending
        self.log.append([terminal])
        self.log.close()
        self.ended.set()
        if self._detach:
            self._detach.cancel()

    # Stopping

    def stop(self, request: Stop) -> bool:
        """Ends the run in whatever stage it is; False when its end was already decided, and nothing changes."""
        if self.settled or self.stop_request is not None:
            return False
        self.stop_request = request
        self.cancel()
        return True

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
        if self._readers:
            self.lonely.clear()
        else:
            self.lonely.set()
            self._await_reader()

    def _await_reader(self) -> None:
        """Nobody reads (any more, or yet): a `cancel` run is stopped unless somebody comes in time."""
        if self.order.on_disconnect == "cancel" and not self.ended.is_set():
            self._detach = asyncio.get_running_loop().call_later(self._detach_seconds, self.stop, Stop())

    # Checkpoints

    def unsaved(self) -> Checkpoint | None:
        """The events since the last checkpoint that was taken, None if there is nothing to save in them."""
        events = condensed(record.event for record in self.log.since(self._checkpointed))
        return Checkpoint(self.order.assistant_message_id, self.log.last, events) if events else None

    def checkpointed(self, taken: Checkpoint) -> None:
        self._checkpointed = taken.number
