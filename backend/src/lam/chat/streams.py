"""Finds a stream: running, ended but still in memory, or rebuilt from its stored result.

It must not know what a kind of run stores.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from lam.errors import Invalid, NotFound
from lam.generation.contracts import Kind
from lam.generation.run import Run
from lam.generation.supervisor import Supervisor
from lam.protocol.events import Event
from lam.streams.log import StreamLog
from lam.streams.memory_log import MemoryLog, Shelf


class Following(Struct, frozen=True):
    """A log to read from event `after` on. `run`: the log's writer, None once its result is stored."""

    stream_id: str
    log: StreamLog
    after: int = 0
    run: Run | None = None

    @property
    def at_end(self) -> bool:
        """Whether there is nothing left to read and nothing will come."""
        return self.log.closed and self.after == self.log.last


class Streams:
    """Access to the streams of all users. `kinds`: the kinds of run that can rebuild a stream."""

    def __init__(self, supervisor: Supervisor, shelf: Shelf, kinds: Sequence[Kind]) -> None:
        self._supervisor = supervisor
        self._shelf = shelf
        self._kinds = kinds

    async def find(self, stream_id: str, user_id: int, after: int = 0) -> Following:
        """Returns the log of a stream. A rebuilt stream starts at its first event, whatever the caller asked for.

        Raises NotFound, also for another user's stream, and Invalid for an event that does not exist.
        """
        kind, _ = await self._kind(stream_id, user_id, "read")
        log = self._shelf.get(stream_id)
        if log is None:
            return Following(stream_id, _ended(await kind.rebuild(stream_id, user_id)))
        if after > log.last:
            raise Invalid(f"Event {after} does not exist; the last one is {log.last}.")
        return Following(stream_id, log, after, self._supervisor.get(stream_id))

    async def stop(self, stream_id: str, user_id: int, shown_chars: int | None) -> str:
        """Stops the run if it still runs and returns the status of its result. Raises NotFound."""
        run = self._supervisor.get(stream_id)  # before the status is read: a run that ends in between then has its final status
        _, status = await self._kind(stream_id, user_id, "stop")
        if run is None:
            return status
        await self._supervisor.stop(stream_id, shown_chars)
        return run.outcome.status if run.outcome else "streaming"

    async def _kind(self, stream_id: str, user_id: int, action: Literal["read", "stop"]) -> tuple[Kind, str]:
        """Returns the kind of the stream and the status of its result."""
        for kind in self._kinds:
            status = await kind.status(stream_id, user_id, action)
            if status is not None:
                return kind, status
        raise NotFound


def _ended(events: Sequence[Event]) -> MemoryLog:
    log = MemoryLog()
    log.append(events)
    log.close()
    return log
