"""What a run needs from others: a producer of events, a sink for its result, and a store for the time between.

Only contracts live here. They must not name messages, sessions or a database.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from lam.protocol.events import Done, EngineEvent, Error, Event, SavedEvent
from lam.protocol.outcome import Outcome
from lam.protocol.runs import Checkpoint, Lease, OpenRun, OrphanRule, Reached

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
        """Stores the result and removes the run's row in one transaction. Does nothing when the lease is no longer valid; where
        several gateways share the store, it then raises LeaseLost.

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


class Work(Struct, frozen=True, kw_only=True):
    """What a run needs to go on. `answer_now`: see `Run`."""

    producer: Producer
    sink: Sink
    answer_now: Callable[[], Awaitable[None]] | None = None


class Resumption(Protocol):
    """Makes runs of one kind go on whose gateway died."""

    @property
    def kind(self) -> str:
        """The name of the kind."""
        ...

    async def work(self, run: OpenRun, reached: Reached) -> Work | None:
        """Returns what makes the run go on after its checkpoints, None where it cannot. Raises StorageUnavailable, and Interrupted
        where it cannot for a reason that its readers should know."""
        ...


class RunStore(Protocol):
    """Stores open runs. Every async method raises StorageUnavailable."""

    @property
    def moved_at(self) -> float:
        """The event loop's time of the database's last success, in any unit of work."""
        ...

    async def checkpoint(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Adds events to the runs whose leases are still valid and drops the others."""
        ...

    async def take_over(self, owner: str, rule: OrphanRule | None = None) -> list[OpenRun]:
        """Makes `owner` the owner of every open run, or of those of the rule, under the next epoch, and returns these runs. When
        several gateways try at once, one of them gets each run."""
        ...

    async def of_owner(self, owner: str, before: datetime) -> list[str]:
        """Returns the ids of the open runs of a gateway that began before a time."""
        ...

    async def give_away(self, leases: Sequence[Lease]) -> None:
        """Leaves runs to any gateway, as far as these leases are valid."""
        ...

    async def find(self, run_id: str) -> OpenRun | None:
        """Returns an open run, of any owner; None when it is not open."""
        ...

    async def of_key(self, key: str) -> OpenRun | None:
        """Returns the key's open run, of any owner; None when there is none."""
        ...

    async def progress(self, run_id: str) -> list[SavedEvent]:
        """Returns the checkpointed events of a run, oldest first."""
        ...

    async def reached(self, run_id: str) -> Reached:
        """Returns how far the checkpoints of an open run reach."""
        ...

    async def forget(self, lease: Lease) -> None:
        """Removes a run without storing a result."""
        ...
