"""Finding the stream somebody asks for: live, ended but kept, or rebuilt from its result."""

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
    """A log to read from after event `after`. `run`: who writes it, None once its result is final."""

    stream_id: str
    log: StreamLog
    after: int = 0
    run: Run | None = None

    @property
    def at_end(self) -> bool:
        """Nothing is left to read, and nothing will come."""
        return self.log.closed and self.after == self.log.last


class Streams:
    """`kinds`: those whose results streams can be rebuilt from."""

    def __init__(self, supervisor: Supervisor, shelf: Shelf, kinds: Sequence[Kind]) -> None:
        self._supervisor = supervisor
        self._shelf = shelf
        self._kinds = kinds

    async def find(self, stream_id: str, user_id: int, after: int = 0) -> Following:
        """Raises NotFound for another user's stream too, Invalid for an event that does not exist.

        A rebuilt stream is given from its first event, whatever was asked for.
        """
        kind, _ = await self._kind(stream_id, user_id, "read")
        log = self._shelf.get(stream_id)
        if log is None:
            return Following(stream_id, _ended(await kind.rebuild(stream_id, user_id)))
        if after > log.last:
            raise Invalid(f"Event {after} does not exist; the last one is {log.last}.")
        return Following(stream_id, log, after, self._supervisor.get(stream_id))

    async def stop(self, stream_id: str, user_id: int, shown_chars: int | None) -> str:
        """Ends the run if it still runs, and gives the status of its result. Raises NotFound."""
        run = self._supervisor.get(stream_id)  # before its status is read: whatever ends in between has its status then
        _, status = await self._kind(stream_id, user_id, "stop")
        if run is None:
            return status
        await self._supervisor.stop(stream_id, shown_chars)
        return run.outcome.status if run.outcome else "streaming"

    async def _kind(self, stream_id: str, user_id: int, action: Literal["read", "stop"]) -> tuple[Kind, str]:
        """Whose stream that is, and the status of its result."""
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
