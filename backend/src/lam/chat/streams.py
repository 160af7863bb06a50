"""Finds a stream: running, ended but still in memory, or rebuilt from its stored result.

It must not know what a kind of run stores.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Literal, Protocol, TypeVar

from msgspec import Struct

from lam.errors import CannotAnswerNow, Invalid, LamError, LeaseLost, NotAllowed, NotFound
from lam.generation.contracts import Kind
from lam.generation.remote import AnyRun, RemoteRun
from lam.generation.run import Life, Run
from lam.generation.supervisor import Supervisor
from lam.protocol.events import Event
from lam.streams.log import StreamLog
from lam.streams.memory_log import MemoryLog, Shelf

T = TypeVar("T")
BEGIN_SECONDS: Final = 2.0  # how long the log of a run that another gateway has just started may take
LOOK_SECONDS: Final = 0.02


class Mirrors(Protocol):
    """The logs of other gateways' runs."""

    async def open(self, stream_id: str, after: int = 0) -> StreamLog | None:
        """Returns a log that follows another gateway's, None when there is none. It waits a moment for the events up to `after`.
        Raises Unreachable."""
        ...


class Following(Struct, frozen=True, kw_only=True):
    """A log to read from event `after` on. `run`: the log's writer, None once its result is stored. `limited`: whether a budget may
    apply to the run."""

    stream_id: str
    log: StreamLog
    after: int = 0
    run: AnyRun | None = None
    limited: bool = True

    @property
    def at_end(self) -> bool:
        """Whether there is nothing left to read and nothing will come."""
        return self.log.closed and self.after == self.log.last

    def reading(self) -> AbstractContextManager[object]:
        """Returns a context that counts a reader of a run that still writes."""
        return self.run.reading() if self.run is not None else nullcontext()


class Logs:
    """The logs of all runs: those in this process, and those of other gateways (`mirrors`)."""

    def __init__(self, supervisor: Supervisor, shelf: Shelf, mirrors: Mirrors | None = None) -> None:
        self._supervisor = supervisor
        self.shelf = shelf
        self._mirrors = mirrors

    async def find(self, stream_id: str, after: int = 0) -> Following | None:
        """Returns the log of a run, None when it is no longer kept. Raises Invalid for an event that does not exist, and
        Unreachable, LeaseLost when the log cannot be read at the moment."""
        log: StreamLog | None = self.shelf.get(stream_id)
        run: AnyRun | None = self._supervisor.local(stream_id)
        if log is None and self._mirrors is not None and (elsewhere := self._supervisor.elsewhere) is not None:
            run = await elsewhere.find(stream_id)
            if run is not None or elsewhere.has_ended(stream_id):
                log = await self._mirrors.open(stream_id, after)
            if log is None and run is not None:
                raise LeaseLost  # its gateway has not written it yet, or another one takes it over
        if log is None:
            return None
        if after > log.last and (run is None or isinstance(run, Run)):  # their gateway may have died before they came here
            raise Invalid(f"Event {after} does not exist; the last one is {log.last}.")
        return Following(stream_id=stream_id, log=log, after=after, run=run)


async def wait_for_log(find: Callable[[], Awaitable[T]], missing: type[LamError] = LeaseLost) -> T:
    """Returns what `find` returns once the log of a run has come, which another gateway may have just started. Raises LeaseLost or
    `missing` after two seconds without it."""
    deadline = asyncio.get_running_loop().time() + BEGIN_SECONDS
    while True:
        try:
            return await find()
        except (LeaseLost, missing):
            if asyncio.get_running_loop().time() >= deadline:
                raise
        await asyncio.sleep(LOOK_SECONDS)


class Streams:
    """Access to the streams of all users. `kinds`: the kinds of run that can rebuild a stream. `name(run, user_id)`: returns the
    name of one of several people who could stop it, None where there is one alone."""

    def __init__(
        self,
        supervisor: Supervisor,
        shelf: Shelf,
        kinds: Sequence[Kind],
        name: Callable[[AnyRun, int], Awaitable[str | None]],
        mirrors: Mirrors | None = None,
    ) -> None:
        self.logs = Logs(supervisor, shelf, mirrors)
        self._name = name
        self._supervisor = supervisor
        self._shelf = shelf
        self._kinds = kinds

    async def find(self, stream_id: str, user_id: int, after: int = 0) -> Following:
        """Returns the log of a stream. A rebuilt stream starts at its first event, whatever the caller asked for.

        Raises NotFound, also for another user's stream, Invalid for an event that does not exist, and Unreachable when the
        gateway that has the run does not answer.
        """
        kind, _ = await self._kind(stream_id, user_id, "read")
        following = await self.logs.find(stream_id, after)
        return following or Following(stream_id=stream_id, log=_ended(await kind.rebuild(stream_id, user_id)))

    async def stop(self, stream_id: str, user_id: int, shown_chars: int | None) -> str:
        """Stops the run if it still runs and returns the status of its result. Raises NotFound,
        NotAllowed, and Unreachable when the gateway that has it does not answer."""
        run = self._supervisor.get(stream_id)  # before the status is read: a run that ends in between then has its final status
        _, status = await self._kind(stream_id, user_id, "stop")
        elsewhere = self._supervisor.elsewhere
        if run is None and elsewhere is not None and status == "streaming":
            run = await elsewhere.find(stream_id)
        if run is None:
            return status
        if isinstance(run, RemoteRun):
            assert elsewhere is not None
            return await elsewhere.stop(run, shown_chars, await self._name(run, user_id)) or "streaming"
        await self._supervisor.stop(stream_id, shown_chars, await self._name(run, user_id))
        if run.is_lost and elsewhere is not None and (other := await elsewhere.find(stream_id)) is not None:
            return await elsewhere.stop(other, shown_chars, await self._name(other, user_id)) or "streaming"
        return run.outcome.status if run.outcome else "streaming"

    async def answer_now(self, stream_id: str, user_id: int) -> None:
        """Makes the model end its thinking and answer. Raises NotFound, NotAllowed, CannotAnswerNow, Unreachable, and a
        GenerationError when the model's server does not answer."""
        run = self._supervisor.get(stream_id)
        await self._kind(stream_id, user_id, "stop")
        if isinstance(run, RemoteRun):
            assert self._supervisor.elsewhere is not None
            await self._supervisor.elsewhere.answer_now(run)
            return
        if run is None or run.answer_now is None or run.life >= Life.ENDING:
            raise CannotAnswerNow
        await run.answer_now()

    async def _kind(self, stream_id: str, user_id: int, action: Literal["read", "stop"]) -> tuple[Kind, str]:
        """Returns the kind of the stream and the status of its result. Raises NotFound, and NotAllowed for one that the user may
        only read."""
        for kind in self._kinds:
            status = await kind.status(stream_id, user_id, action)
            if status is not None:
                return kind, status
            if action != "read" and await kind.status(stream_id, user_id, "read") is not None:
                raise NotAllowed
        raise NotFound


def _ended(events: Sequence[Event]) -> MemoryLog:
    log = MemoryLog()
    log.append(events)
    log.close()
    return log
