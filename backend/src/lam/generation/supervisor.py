"""Knows every running run: by its id, by its key, by its user. Starts, stops and drains them."""

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
from lam.generation.pump import Limits, Pump, failure_of, fallen
from lam.generation.run import Life, Run, Stop
from lam.protocol.events import Error
from lam.protocol.facts import Facts
from lam.protocol.outcome import Outcome
from lam.protocol.runs import OnDisconnect, OpenRun
from lam.streams.memory_log import Shelf

log = logging.getLogger(__name__)


class Waits(Struct, frozen=True, kw_only=True):
    """Seconds. `detach`: a `cancel` run goes on without readers. `room`: for a key's run to end or to lose its last reader, and for
    a stopped one to be saved. `commit`: for one that makes way to be saved. `save`: for stopped runs to be saved, at the end.
    `checkpoint`: between two of them; with the write itself, less than a second of text is at stake, on a busy machine too."""

    detach: float = 10
    room: float = 2
    commit: float = 10
    save: float = 3
    checkpoint: float = 0.7


class Claim:
    """A key that is about to get a run, and the run's id."""

    def __init__(self, key: str | None, user_id: int) -> None:
        self.id = secrets.token_urlsafe(18)
        self.key = key
        self.user_id = user_id
        self.gone = asyncio.Event()


class Supervisor:
    """An async context manager that owns the tasks of all runs. Leaving it ends what still runs, as `interrupted`.

    `owner`: this gateway, as runs in `store` name it. `most_per_user`: runs at once, those apart that nobody waits for.
    """

    def __init__(
        self, store: RunStore, shelf: Shelf, *, owner: str, most_per_user: int, limits: Limits, waits: Waits | None = None
    ) -> None:
        self.owner = owner
        self.after_start: list[Callable[[Run], None]] = []
        self.after_end: list[Callable[[Run], None]] = []  # called once a run's outcome is stored and told
        self._store = store
        self._shelf = shelf
        self._most_per_user = most_per_user
        self._limits = limits
        self._waits = waits or Waits()
        self._runs: dict[str, Run] = {}
        self._outer: dict[str, asyncio.Task[None]] = {}
        self._held: dict[str, Run | Claim] = {}  # by key
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

    # Looking

    def running(self) -> list[Run]:
        return list(self._runs.values())

    def awaited(self) -> list[Run]:
        """Those that are running, without the ones that nobody waits for."""
        return [run for run in self._runs.values() if not run.droppable]

    def get(self, run_id: str) -> Run | None:
        return self._runs.get(run_id)

    def of_key(self, key: str) -> Run | None:
        held = self._held.get(key)
        return held if isinstance(held, Run) else None

    @property
    def draining(self) -> bool:
        return self._draining

    # Starting

    @asynccontextmanager
    async def claim(self, key: str | None, user_id: int, *, droppable: bool = False) -> AsyncIterator[Claim]:
        """Reserves the key while the rows are written; `start` turns the claim into a run.

        Raises ShuttingDown, SessionBusy, TooManyStreams.
        """
        await self._make_room(key)
        owned = sum(run.user_id == user_id and not run.droppable for run in self._runs.values())
        owned += sum(claim.user_id == user_id for claim in self._claims)
        if owned >= self._most_per_user and not droppable:
            raise TooManyStreams(f"You have {owned} replies running, as many as this gateway allows; wait for one to end.")
        claim = Claim(key, user_id)
        if key is not None:
            self._held[key] = claim
        if not droppable:
            self._claims.add(claim)
        try:
            yield claim
        finally:
            if key is not None and self._held.get(key) is claim:  # it was not started
                del self._held[key]
            self._claims.discard(claim)
            claim.gone.set()

    def record(self, claim: Claim, kind: str, request: bytes, on_disconnect: OnDisconnect = "cancel") -> OpenRun:
        """The row to be stored together with the rows that the run is about."""
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
        """Its row is stored: from here on the run ends by itself."""
        run = Run(record, sink, self._shelf.open(record.id), detach_seconds=self._waits.detach, droppable=droppable)
        self._runs[run.id] = run
        self._claims.discard(claim)
        if run.key is not None:
            self._held[run.key] = run
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
            if run.life < Life.ENDED:  # it fell out, or the gateway cannot wait for the database any longer
                self._close_fallen(run)
            run.advance(Life.SAVED)
            del self._runs[run.id], self._outer[run.id]
            if run.key is not None and self._held.get(run.key) is run:
                del self._held[run.key]
            self._shelf.ended(run.id)
        self._call(self.after_end, run)

    @staticmethod
    def _close_fallen(run: Run) -> None:
        """Its readers get an ending; whatever is wrong with one run stays with it."""
        error = Interrupted()
        try:
            outcome = fallen(run.snapshot, run.sink, error)
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
        """Waits a moment for the key's run to end or to lose its last reader: an aborted request and the next send travel on
        different connections. A `cancel` run that nobody reads makes way."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._waits.room
        while True:
            if self._draining:
                raise ShuttingDown
            held = self._held.get(key) if key is not None else None
            if held is None:
                return
            if isinstance(held, Run) and held.on_disconnect == "cancel" and not held.has_readers:
                held.stop(Stop())
                if not await held.saved(self._waits.commit):
                    raise SessionBusy(held.id)
                await asyncio.sleep(0)  # its task takes it off the books
                continue
            left = deadline - loop.time()
            if left <= 0:
                raise SessionBusy(held.id)
            if isinstance(held, Run):
                await held.until(
                    left, lambda run: run.life is Life.SAVED or (run.on_disconnect == "cancel" and not run.has_readers)
                )
            else:
                try:
                    async with asyncio.timeout(left):
                        await held.gone.wait()
                except TimeoutError:
                    pass
            await asyncio.sleep(0)

    # Ending

    async def stop(self, run_id: str, shown_chars: int | None = None) -> None:
        """Stops a run in whatever stage it is, and waits a little for its result to stand; harmless when it has ended."""
        run = self._runs.get(run_id)
        if run is not None:
            run.stop(Stop(shown_chars=shown_chars))
            await run.saved(self._waits.room)

    async def end_key(self, key: str) -> None:
        """Stops the key's run and waits until its result is final. Raises SessionBusy when it cannot be made final."""
        await self._end(run for run in self.running() if run.key == key)

    async def end_user(self, user_id: int) -> None:
        """The same for all runs of a user."""
        await self._end(run for run in self.running() if run.user_id == user_id)

    async def _end(self, runs: Iterable[Run]) -> None:
        ending = list(runs)
        for run in ending:
            run.stop(Stop())
        for run in ending:
            if not await run.saved(self._waits.commit):
                raise SessionBusy(run.id)

    async def drain(self, seconds: float) -> None:
        """Takes no new runs, lets the running ones go on for `seconds`, then ends them as `interrupted` and saves them."""
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
