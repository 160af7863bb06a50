"""The registry of running runs: by id, by key and by user. It starts, stops and drains them.

It owns their tasks and the places per user. It must not know what a run is about.
"""

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self

from msgspec import Struct

from lam.background import Background
from lam.callbacks import call_each
from lam.errors import Interrupted, SessionBusy, ShuttingDown, StorageUnavailable, TooManyStreams
from lam.generation.checkpoint import keep_checkpoints
from lam.generation.contracts import Producer, RunStore, Sink, Work
from lam.generation.pump import Limits, Pump, failure_of, failure_outcome
from lam.generation.remote import AnyRun, Elsewhere
from lam.generation.run import Life, Run, Stop
from lam.protocol.events import Error, Event
from lam.protocol.facts import Facts
from lam.protocol.outcome import Outcome
from lam.protocol.runs import OnDisconnect, OpenRun
from lam.streams.memory_log import Shelf

log = logging.getLogger(__name__)

MOST_EARLY_STOPS: Final = 1000


class Waits(Struct, frozen=True, kw_only=True):
    """Waiting times in seconds.

    `detach`: how long a `cancel` run continues without readers. `room`: how long a new run waits for its key's present run to end
    or lose its last reader. `stop`: how long the answer to a stop waits for the result to be stored. `commit`: how long a run that
    makes way may take to be stored. `save`: how long stopped runs may take to be stored at shutdown. `checkpoint`: pause between
    two checkpoints; with the write itself, a crash loses less than a second of text, even on a busy machine.
    """

    detach: float = 10
    room: float = 2
    stop: float = 2
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
    """Owns the tasks of all runs, as an async context manager. Leaving it gives the remaining runs away where another gateway
    can go on with them, and ends the others as `interrupted`.

    `owner`: this gateway's name in `store`. `most_per_user`: how many runs a user may have at once; droppable ones, and those
    claimed with `counts=False`, do not count.
    """

    def __init__(
        self, store: RunStore, shelf: Shelf, *, owner: str, most_per_user: int, limits: Limits, waits: Waits | None = None
    ) -> None:
        self.owner = owner
        self.after_start: list[Callable[[Run], None]] = []
        self.after_loss: list[Callable[[Run], None]] = []  # called in place of `after_end` for a run that another gateway has
        self.after_end: list[Callable[[Run], None]] = []  # called after the last event, once the outcome is stored
        self._store = store
        self._shelf = shelf
        self._most_per_user = most_per_user
        self._limits = limits
        self._waits = waits or Waits()
        self._runs: dict[str, Run] = {}
        self._outer: dict[str, asyncio.Task[None]] = {}
        self._by_key: dict[str, Run | Claim] = {}
        self._claims: set[Claim] = set()  # those that count
        self._open_claims: set[str] = set()  # the ids of all
        self._draining = False
        self.elsewhere: Elsewhere | None = None  # the runs of other gateways, where there may be some
        self._early_stops: OrderedDict[str, Stop] = OrderedDict()  # of runs that were to be taken over at that moment, by id
        self.takes_over = False  # rows of others become ours just now
        # Ids of runs that are ours by their rows and do not run here: given up, forgotten, or just taken over.
        self.lost = set[str]()

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

    def knows(self, run_id: str) -> bool:
        """Returns whether a run of this id runs here or is about to start."""
        return run_id in self._runs or run_id in self._open_claims

    def local(self, run_id: str) -> Run | None:
        """Returns a run of this gateway."""
        return self._runs.get(run_id)

    def get(self, run_id: str) -> AnyRun | None:
        """Returns a run of any gateway, as far as is known."""
        run = self._runs.get(run_id)
        return run if run is not None or self.elsewhere is None else self.elsewhere.get(run_id)

    def of_key(self, key: str) -> AnyRun | None:
        """Returns the key's run, of any gateway, as far as is known."""
        holder = self._by_key.get(key)
        if isinstance(holder, Run):
            return holder
        return None if self.elsewhere is None else self.elsewhere.of_key(key)

    @property
    def draining(self) -> bool:
        return self._draining

    # Starting

    @asynccontextmanager
    async def claim(
        self, key: str | None, user_id: int, *, droppable: bool = False, displaces: bool = True, counts: bool = True
    ) -> AsyncIterator[Claim]:
        """Reserves the key while the caller stores the rows; `start` turns the claim into a run.

        `displaces`: a `cancel` run that nobody reads makes way, and one that is read is waited for, up to `room` seconds.
        `counts`: towards the runs that a user may have at once; like a droppable run, one that does not is counted by its caller.
        Raises ShuttingDown, SessionBusy, TooManyStreams, StorageUnavailable.
        """
        if self.elsewhere is not None and not self.elsewhere.valid:
            raise StorageUnavailable
        await self._make_room(key, displaces)
        counts = counts and not droppable
        owned = sum(run.user_id == user_id and run.counts for run in self._runs.values())
        owned += sum(claim.user_id == user_id for claim in self._claims)
        if self.elsewhere is not None:
            owned += sum(run.user_id == user_id and run.counts for run in self.elsewhere.running())
        if counts and owned >= self._most_per_user:
            raise TooManyStreams(f"You have {owned} replies running, as many as this gateway allows; wait for one to end.")
        claim = Claim(key, user_id)
        self._open_claims.add(claim.id)
        if key is not None:
            self._by_key[key] = claim
        if counts:
            self._claims.add(claim)
        try:
            yield claim
        finally:
            if key is not None and self._by_key.get(key) is claim:  # the run did not start
                del self._by_key[key]
            self._claims.discard(claim)
            self._open_claims.discard(claim.id)
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

    def start(
        self,
        claim: Claim,
        record: OpenRun,
        producer: Producer,
        sink: Sink,
        *,
        droppable: bool = False,
        counts: bool = True,
        leaves_at_once: bool = False,
        answer_now: Callable[[], Awaitable[None]] | None = None,
    ) -> Run:
        """Starts the run, whose row must be stored already. From here on the run ends without the caller.

        `counts`: as of its claim. `leaves_at_once`: with `cancel`, it ends as soon as its last reader has left.
        """
        self._claims.discard(claim)
        run = Run(
            record,
            sink,
            self._shelf.open(record.id),
            detach_seconds=self._waits.detach,
            droppable=droppable,
            counts=counts,
            leaves_at_once=leaves_at_once,
            answer_now=answer_now,
        )
        return self._launch(run, producer)

    def resume(self, record: OpenRun, work: Work, opening: Sequence[Event], start: int) -> Run:
        """Makes a run go on that this gateway took over. `opening`: its events so far, which are stored. `start`: the number before
        the first of them."""
        log = self._shelf.open(record.id, start)
        run = Run(record, work.sink, log, detach_seconds=self._waits.detach, answer_now=work.answer_now)
        return self._launch(run, work.producer, opening)

    def _launch(self, run: Run, producer: Producer, opening: Sequence[Event] | None = None) -> Run:
        self.lost.discard(run.id)
        self._runs[run.id] = run
        if run.key is not None:
            self._by_key[run.key] = run
        pump = Pump(run, producer, self._limits, opening, lambda: self._store.moved_at)
        self._outer[run.id] = self._tasks.create_task(self._drive(run, pump), name=f"run-{run.id}")
        if self._draining and not (self.elsewhere is not None and self.elsewhere.can_give_away(run)):
            run.stop(Stop("drain"))
        if (early := self._early_stops.pop(run.id, None)) is not None:
            run.stop(early)
        call_each(self.after_start, run, event=f"the start of {run.id}")
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
            if self._runs.get(run.id) is run:  # it may have come back to this gateway, as another run
                del self._runs[run.id], self._outer[run.id]
            if run.key is not None and self._by_key.get(run.key) is run:
                del self._by_key[run.key]
            if run.is_lost:
                self._shelf.drop(run.id, run.log)  # its readers find it elsewhere
            else:
                self._shelf.ended(run.id)
        call_each(self.after_loss if run.is_lost else self.after_end, run, event=f"the end of {run.id}")

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

    async def _make_room(self, key: str | None, displaces: bool, *, is_ours: bool = True) -> None:
        """Waits up to `room` seconds for the key's run to end or to lose its last reader. `is_ours`: for a run that starts here,
        which none does any more while this gateway drains.

        An aborted request and the next send arrive on different connections, so the old reader may still be counted. A `cancel` run
        without readers makes way.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._waits.room
        while True:
            if self._draining and is_ours:
                raise ShuttingDown
            holder = self._by_key.get(key) if key is not None else None
            if holder is None:
                remote = self.elsewhere.of_key(key) if self.elsewhere is not None and key is not None else None
                if remote is None or self.elsewhere is None:
                    return
                await self.elsewhere.make_room(remote, displaces=displaces)
                continue
            if isinstance(holder, Run) and not displaces:
                raise SessionBusy(holder.id)
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

    async def make_room(self, run_id: str, *, displaces: bool) -> None:
        """Waits until the run has ended, or makes it end, as `claim` does for one that starts at another gateway. Raises
        SessionBusy."""
        run = self._runs.get(run_id)
        if run is not None:
            await self._make_room(run.key, displaces, is_ours=False)

    # Ending

    async def stop(self, run_id: str, shown_chars: int | None = None, by: str | None = None) -> None:
        """Stops a run of this gateway at any stage and waits up to `stop` seconds for its result. Does nothing when it has ended. A
        run that this gateway is about to take over is stopped as soon as it runs here. `by`: as of `Stop`."""
        run, request = self._runs.get(run_id), Stop(shown_chars=shown_chars, by=by)
        if run is not None:
            run.stop(request)
            await run.saved(self._waits.stop)
        elif self.elsewhere is not None:
            self._early_stops[run_id] = request
            while len(self._early_stops) > MOST_EARLY_STOPS:
                self._early_stops.popitem(last=False)

    async def end_key(self, key: str) -> None:
        """Stops the key's run, on any gateway, and waits until its result is stored. Raises SessionBusy when that takes too
        long."""
        await self.end_here(key=key)
        if self.elsewhere is not None:
            await self.elsewhere.end(key=key)

    async def end_run(self, run_id: str) -> None:
        """Stops a run, on any gateway, and waits until its result is stored. Raises SessionBusy when that takes too long."""
        await self.end_here(run_id=run_id)
        if self.elsewhere is not None:
            await self.elsewhere.end(run_id=run_id)

    async def end_user(self, user_id: int) -> None:
        """Stops all runs of a user, on all gateways, and waits until their results are stored. Raises SessionBusy when that takes
        too long."""
        await self.end_here(user_id=user_id)
        if self.elsewhere is not None:
            await self.elsewhere.end(user_id=user_id)

    async def end_here(self, *, run_id: str | None = None, key: str | None = None, user_id: int | None = None) -> None:
        """Stops the runs of this gateway with this id, key or user. Raises SessionBusy when that takes too long."""
        await self._end(
            run
            for run in self.running()
            if (run_id is not None and run.id == run_id)
            or (key is not None and run.key == key)
            or (user_id is not None and run.user_id == user_id)
        )

    async def _end(self, runs: Iterable[Run]) -> None:
        ending = list(runs)
        for run in ending:
            run.stop(Stop())
        for run in ending:
            if not await run.saved(self._waits.commit):
                raise SessionBusy(run.id)

    async def drain(self, seconds: float) -> None:
        """Refuses new runs, gives the running ones `seconds` to end, and gives away those that another gateway can make go on. It
        ends the others as `interrupted` and stores their results."""
        self._draining = True
        if self.elsewhere is not None:
            await self.elsewhere.leave()
        for run in self.running():
            if run.droppable:
                run.stop(Stop("drain"))
        await self._all_saved(seconds)
        await self._give_away()
        for run in self.running():
            run.stop(Stop("drain"))
        await self._all_saved(self._waits.save)

    def lose_all(self) -> None:
        """Gives up all runs without results, because the lease has lapsed and other gateways may have them."""
        for run in self.running():
            if run.life < Life.ENDED and not run.is_lost:
                self.lost.add(run.id)
                run.lose()

    async def _give_away(self) -> None:
        """Leaves the runs that can go on elsewhere, with all their text, to the other gateways."""
        if (elsewhere := self.elsewhere) is None:
            return
        running = [run for run in self.running() if run.life < Life.ENDING and run.stop_request is None]
        gifts = [run for run in running if elsewhere.can_give_away(run)]
        if not gifts:
            return
        for run in gifts:
            run.lose()
        await asyncio.gather(*(run.saved(self._waits.save) for run in gifts))
        try:
            if unsaved := [checkpoint for run in gifts if (checkpoint := run.unsaved())]:
                await self._store.checkpoint(unsaved)
            await self._store.give_away([run.lease for run in gifts])
        except StorageUnavailable as error:  # they wait until the lease of this gateway ends
            log.warning("%d replies could not be given away: %s", len(gifts), error.message)
        log.warning("%d replies go on at another gateway", len(gifts))
        elsewhere.announce_gift()

    async def _all_saved(self, seconds: float) -> None:
        await asyncio.gather(*(run.saved(seconds) for run in self.running()))
        await asyncio.sleep(0)
