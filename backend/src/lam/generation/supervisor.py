"""The registry of running runs: by id, by key and by user. It starts, stops and drains them.

It owns their tasks and the places per user. It must not know what a run is about.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from msgspec import Struct

from lam.background import Background
from lam.errors import Interrupted, SessionBusy, ShuttingDown, TooManyStreams
from lam.generation.checkpoint import keep_checkpoints
from lam.generation.contracts import Producer, RunStore, Sink
from lam.generation.pump import Limits, Pump, failure_of, failure_outcome
from lam.generation.run import Life, Run, Stop
from lam.protocol.events import Error
from lam.protocol.facts import Facts
from lam.protocol.outcome import Outcome
from lam.protocol.runs import OnDisconnect, OpenRun
from lam.streams.memory_log import Shelf

log = logging.getLogger(__name__)


class Waits(Struct, frozen=True, kw_only=True):
    """Waiting times in seconds.

    `detach`: how long a `cancel` run continues without readers. `room`: how long a new run waits for its key's present run to end
    or lose its last reader, and a stop for the result to be stored. `commit`: how long a run that makes way may take to be stored.
    `save`: how long stopped runs may take to be stored at shutdown. `checkpoint`: pause between two checkpoints; with the write
    itself, a crash loses less than a second of text, even on a busy machine.
    """

    detach: float = 10
    room: float = 2
    commit: float = 10
    save: float = 3
    checkpoint: float = 0.7


class Claim:
    """A reservation of a key for a run that is about to start, with the run's id."""

    def __init__(self, key: str | None, user_id: int) -> None:
        self.id = secrets.token_urlsafe(18)
        self.key = key
        self.user_id = user_id
        self.gone = asyncio.Event()


class Supervisor:
    """Owns the tasks of all runs, as an async context manager. Leaving it ends the remaining runs as `interrupted`.

    `owner`: this gateway's name in `store`. `most_per_user`: how many runs a user may have at once; droppable ones do not count.
    """

    def __init__(
        self, store: RunStore, shelf: Shelf, *, owner: str, most_per_user: int, limits: Limits, waits: Waits | None = None
    ) -> None:
        self.owner = owner
        self.after_start: list[Callable[[Run], None]] = []
        self.after_end: list[Callable[[Run], None]] = []  # called after the last event, once the outcome is stored
        self._store = store
        self._shelf = shelf
        self._most_per_user = most_per_user
        self._limits = limits
        self._waits = waits or Waits()
        self._runs: dict[str, Run] = {}
        self._outer: dict[str, asyncio.Task[None]] = {}
        self._by_key: dict[str, Run | Claim] = {}
        self._claims: set[Claim] = set()
        self._draining = False

    async def __aenter__(self) -> Self:
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._background = Background()
        self._background.keep("checkpoints", lambda: keep_checkpoints(self._store, self.running, self._waits.checkpoint))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.drain(0)
        await self._background.close()
        for run in self.running():
            log.error("The result of %s could not be saved; the next start recovers its checkpoints", run.id)
            self._outer[run.id].cancel()
        await self._tasks.__aexit__(None, None, None)

    # Lookup

    def running(self) -> list[Run]:
        return list(self._runs.values())

    def awaited(self) -> list[Run]:
        """Returns the running runs, without those that can be dropped."""
        return [run for run in self._runs.values() if not run.droppable]

    def get(self, run_id: str) -> Run | None:
        return self._runs.get(run_id)

    def of_key(self, key: str) -> Run | None:
        holder = self._by_key.get(key)
        return holder if isinstance(holder, Run) else None

    @property
    def draining(self) -> bool:
        return self._draining

    # Starting

    @asynccontextmanager
    async def claim(self, key: str | None, user_id: int, *, droppable: bool = False) -> AsyncIterator[Claim]:
        """Reserves the key while the caller stores the rows; `start` turns the claim into a run.

        Raises ShuttingDown, SessionBusy, TooManyStreams.
        """
        await self._make_room(key)
        owned = sum(run.user_id == user_id and not run.droppable for run in self._runs.values())
        owned += sum(claim.user_id == user_id for claim in self._claims)
        if owned >= self._most_per_user and not droppable:
            raise TooManyStreams(f"You have {owned} replies running, as many as this gateway allows; wait for one to end.")
        claim = Claim(key, user_id)
        if key is not None:
            self._by_key[key] = claim
        if not droppable:
            self._claims.add(claim)
        try:
            yield claim
        finally:
            if key is not None and self._by_key.get(key) is claim:  # the run did not start
                del self._by_key[key]
            self._claims.discard(claim)
            claim.gone.set()

    def record(self, claim: Claim, kind: str, request: bytes, on_disconnect: OnDisconnect = "cancel") -> OpenRun:
        """Returns the run's row, to be stored in one transaction with the rows it is about."""
        return OpenRun(
            id=claim.id,
            kind=kind,
            key=claim.key,
            user_id=claim.user_id,
            owner=self.owner,
            on_disconnect=on_disconnect,
            request=request,
        )

    def start(self, claim: Claim, record: OpenRun, producer: Producer, sink: Sink, *, droppable: bool = False) -> Run:
        """Starts the run, whose row must be stored already. From here on the run ends without the caller."""
        run = Run(record, sink, self._shelf.open(record.id), detach_seconds=self._waits.detach, droppable=droppable)
        self._runs[run.id] = run
        self._claims.discard(claim)
        if run.key is not None:
            self._by_key[run.key] = run
        pump = Pump(run, producer, self._limits)
        self._outer[run.id] = self._tasks.create_task(self._drive(run, pump), name=f"run-{run.id}")
        if self._draining:
            run.stop(Stop("drain"))
        self._call(self.after_start, run)
        return run

    async def _drive(self, run: Run, pump: Pump) -> None:
        try:
            await pump.drive()
        except Exception:
            log.exception("The run %s fell out of its pump", run.id)
        finally:
            if run.life < Life.ENDED:  # the pump failed, or shutdown cancelled it while it waited for the database
                self._close_fallen(run)
            run.advance(Life.SAVED)
            del self._runs[run.id], self._outer[run.id]
            if run.key is not None and self._by_key.get(run.key) is run:
                del self._by_key[run.key]
            self._shelf.ended(run.id)
        self._call(self.after_end, run)

    @staticmethod
    def _close_fallen(run: Run) -> None:
        """Gives the readers of a failed run their last event. Logs an error in that, so that it affects no other run."""
        error = Interrupted()
        try:
            outcome = failure_outcome(run.snapshot, run.sink, error)
            run.close(outcome, run.sink.ending(outcome))
        except Exception:
            log.exception("The run %s has no ending of its own", run.id)
            outcome = Outcome(status=error.outcome, facts=Facts(failure=failure_of(error)), unread=True)
            run.close(outcome, Error(error.message, error.code, error.retryable))

    @staticmethod
    def _call(callbacks: Iterable[Callable[[Run], None]], run: Run) -> None:
        for callback in callbacks:
            try:
                callback(run)
            except Exception:
                log.exception("What follows a change of %s failed", run.id)

    async def _make_room(self, key: str | None) -> None:
        """Waits up to `room` seconds for the key's run to end or to lose its last reader.

        An aborted request and the next send arrive on different connections, so the old reader may still be counted. A `cancel` run
        without readers makes way.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._waits.room
        while True:
            if self._draining:
                raise ShuttingDown
            holder = self._by_key.get(key) if key is not None else None
            if holder is None:
                return
            if isinstance(holder, Run) and holder.on_disconnect == "cancel" and not holder.has_readers:
                holder.stop(Stop())
                if not await holder.saved(self._waits.commit):
                    raise SessionBusy(holder.id)
                await asyncio.sleep(0)  # let the run's task remove it from `_runs`
                continue
            left = deadline - loop.time()
            if left <= 0:
                raise SessionBusy(holder.id)
            if isinstance(holder, Run):
                await holder.until(
                    left, lambda run: run.life is Life.SAVED or (run.on_disconnect == "cancel" and not run.has_readers)
                )
            else:
                try:
                    async with asyncio.timeout(left):
                        await holder.gone.wait()
                except TimeoutError:
                    pass
            await asyncio.sleep(0)

    # Ending

    async def stop(self, run_id: str, shown_chars: int | None = None) -> None:
        """Stops a run at any stage and waits up to `room` seconds for its result. Does nothing when it has ended."""
        run = self._runs.get(run_id)
        if run is not None:
            run.stop(Stop(shown_chars=shown_chars))
            await run.saved(self._waits.room)

    async def end_key(self, key: str) -> None:
        """Stops the key's run and waits until its result is stored. Raises SessionBusy when that takes too long."""
        await self._end(run for run in self.running() if run.key == key)

    async def end_run(self, run_id: str) -> None:
        """Stops a run and waits until its result is stored. Raises SessionBusy when that takes too long."""
        await self._end(run for run in self.running() if run.id == run_id)

    async def end_user(self, user_id: int) -> None:
        """Stops all runs of a user and waits until their results are stored. Raises SessionBusy when that takes too long."""
        await self._end(run for run in self.running() if run.user_id == user_id)

    async def _end(self, runs: Iterable[Run]) -> None:
        ending = list(runs)
        for run in ending:
            run.stop(Stop())
        for run in ending:
            if not await run.saved(self._waits.commit):
                raise SessionBusy(run.id)

    async def drain(self, seconds: float) -> None:
        """Refuses new runs, gives the running ones `seconds` to end, then ends them as `interrupted` and stores their results."""
        self._draining = True
        for run in self.running():
            if run.droppable:
                run.stop(Stop("drain"))
        await self._all_saved(seconds)
        for run in self.running():
            run.stop(Stop("drain"))
        await self._all_saved(self._waits.save)

    async def _all_saved(self, seconds: float) -> None:
        await asyncio.gather(*(run.saved(seconds) for run in self.running()))
        await asyncio.sleep(0)
