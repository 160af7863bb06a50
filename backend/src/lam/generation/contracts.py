"""What a run needs from others: a producer of events, a sink for its result, and a store for the time between.

Only contracts live here. They must not name messages, sessions or a database.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

from lam.protocol.events import ContentEvent, Done, EngineEvent, Error, Event
from lam.protocol.outcome import Outcome
from lam.protocol.runs import Checkpoint, Lease, OpenRun

Batches = AsyncIterator[list[EngineEvent]]
Producer = AbstractAsyncContextManager[Batches]
"""Yields batches of events; an empty batch is a sign of life. The last event of the last batch is `Finished`. Raises a
GenerationError when the reply is incomplete. Leaving the context closes the connection to the model: this is how a run is
cancelled."""


class Sink(Protocol):
    """Stores the result of one run. The sink owns the rows that the run is about; the run does not know them."""

    def opening(self) -> Sequence[Event]:
        """Returns the first events: metadata and, when the run continues an earlier result, that result. All of it is already
        stored."""
        ...

    def prompt_tokens(self) -> int:
        """Returns an estimate of the prompt's tokens, for a model server that reports no usage."""
        ...

    async def commit(self, outcome: Outcome, lease: Lease) -> None:
        """Stores the result and removes the run's row in one transaction. Does nothing when the lease is no longer valid.

        Raises StorageUnavailable; the caller then tries again.
        """
        ...

    def ending(self, outcome: Outcome) -> Done | Error:
        """Returns the run's last event."""
        ...


class Kind(Protocol):
    """A kind of run, such as a chat reply or a title. It makes new sinks for runs whose gateway died."""

    @property
    def name(self) -> str:
        """The name that marks this kind in the table of runs."""
        ...

    async def restore(self, run: OpenRun) -> Sink | None:
        """Returns a sink for a run of a dead gateway, or None when the thing it was about no longer exists. Raises
        StorageUnavailable."""
        ...

    async def status(self, run_id: str, user_id: int, action: Literal["read", "stop"]) -> str | None:
        """Returns the status of the run's result, `streaming` while the run is open.

        Returns None when this kind has no such run, or the user may not do `action` with it. Raises StorageUnavailable.
        """
        ...

    async def rebuild(self, run_id: str, user_id: int) -> Sequence[Event]:
        """Returns all events of a run whose log is gone, made from its stored result. Raises NotFound, StorageUnavailable."""
        ...


class RunStore(Protocol):
    """Stores open runs. Every method raises StorageUnavailable."""

    async def checkpoint(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Adds events to the runs whose leases are still valid and drops the others."""
        ...

    async def take_over(self, owner: str) -> list[OpenRun]:
        """Makes `owner` the owner of every open run, under the next epoch, and returns the runs."""
        ...

    async def of_key(self, key: str) -> OpenRun | None:
        """Returns the key's open run, of any owner; None when there is none."""
        ...

    async def progress(self, run_id: str) -> list[ContentEvent]:
        """Returns the checkpointed events of a run, oldest first."""
        ...

    async def forget(self, lease: Lease) -> None:
        """Removes a run without storing a result."""
        ...
