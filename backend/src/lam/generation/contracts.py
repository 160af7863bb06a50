"""What a run needs from others: where its events come from, where its result goes, and where it is kept meanwhile."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

from lam.protocol.events import ContentEvent, Done, EngineEvent, Error, Event
from lam.protocol.outcome import Outcome
from lam.protocol.runs import Checkpoint, Lease, OpenRun

Batches = AsyncIterator[list[EngineEvent]]
Producer = AbstractAsyncContextManager[Batches]
"""Gives batches of events, an empty one for a bare sign of life; the last event of the last batch is `Finished`. Raises a
GenerationError where the reply cannot be whole. Leaving the context closes the connection to the model: that is the cancel."""


class Sink(Protocol):
    """Where one run's result goes. It owns the rows that the run is about; the run knows none of them."""

    def opening(self) -> Sequence[Event]:
        """The first events: metadata, and what the result begins with where it continues an earlier one. Its rows hold that."""
        ...

    def prompt_tokens(self) -> int:
        """Tokens of the prompt, estimated, for a run whose model's server gave no figures."""
        ...

    async def commit(self, outcome: Outcome, lease: Lease) -> None:
        """Stores the result and removes the run's row, in one transaction; nothing where the lease is no longer good.

        Raises StorageUnavailable, and is then called again.
        """
        ...

    def ending(self, outcome: Outcome) -> Done | Error:
        """The run's last event."""
        ...


class Kind(Protocol):
    """A kind of run: makes sinks anew for runs whose gateway died."""

    @property
    def name(self) -> str:
        """What the rows of these runs are marked with."""
        ...

    async def restore(self, run: OpenRun) -> Sink | None:
        """The sink of a run that somebody else began; None where what it was about is gone. Raises StorageUnavailable."""
        ...

    async def status(self, run_id: str, user_id: int, action: Literal["read", "stop"]) -> str | None:
        """The status of the run's result, `streaming` while it is open; None where this kind has no run with which that user may do
        this.

        Raises StorageUnavailable.
        """
        ...

    async def rebuild(self, run_id: str, user_id: int) -> Sequence[Event]:
        """All events of a run whose log is gone, from its result. Raises NotFound, StorageUnavailable."""
        ...


class RunStore(Protocol):
    """Keeps open runs. All methods raise StorageUnavailable."""

    async def checkpoint(self, taken: Sequence[Checkpoint]) -> None:
        """Adds events to runs whose leases are still good; those of others are dropped."""
        ...

    async def take_over(self, owner: str) -> list[OpenRun]:
        """Makes every open run this owner's, under the next epoch."""
        ...

    async def progress(self, run_id: str) -> list[ContentEvent]:
        """What was checkpointed of a run, oldest first."""
        ...

    async def forget(self, lease: Lease) -> None:
        """Removes a run without a result."""
        ...
