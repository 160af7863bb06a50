"""Takes over runs without a gateway: those that may go on do, the others end as `interrupted`, with all their checkpointed text.

At startup that is every open run: under the lock that makes this gateway the only one, all of them are orphans. Later it is what
this gateway has forgotten.

It must not know what a run was about: the sink of its kind does.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self

from msgspec.structs import replace

from lam.background import Background
from lam.callbacks import call_each
from lam.errors import Interrupted, LeaseLost, SessionBusy, StorageUnavailable
from lam.generation.contracts import Kind, Resumption, RunStore
from lam.generation.pump import failure_outcome
from lam.generation.supervisor import Supervisor
from lam.protocol.events import Metadata
from lam.protocol.runs import Checkpoint, OpenRun, OrphanRule
from lam.protocol.snapshot import Snapshot

log = logging.getLogger(__name__)

GATEWAY_DIED: Final = "The gateway stopped in the middle of the reply; what had been saved is kept."
NUMBERS_APART: Final = 1_000_000
"""Between the last checkpoint of a run and the first event after it was taken over: nobody can have read so far."""
FORGOTTEN_SECONDS: Final = 30.0
MOST_STARTS: Final = 4  # of one run; a run that kills its gateways must not do so for ever


class Orphans:
    """The open runs of gateways that died, owned by this one from now on. `kinds`: who knows how they end."""

    def __init__(self, store: RunStore, kinds: Iterable[Kind], runs: Sequence[OpenRun]) -> None:
        self._store = store
        self._kinds = {kind.name: kind for kind in kinds}
        self._runs = list(runs)
        self._failures = dict[str, Interrupted]()  # by run: why it does not go on

    @classmethod
    async def take_over(cls, store: RunStore, kinds: Iterable[Kind], owner: str, rule: OrphanRule | None = None) -> Self:
        """Takes over all open runs, or those of the rule. Raises StorageUnavailable."""
        return cls(store, kinds, await store.take_over(owner, rule))

    @property
    def remaining(self) -> Sequence[OpenRun]:
        """The runs that neither ended nor go on so far."""
        return self._runs

    async def end(self, spared: Callable[[OpenRun], bool] = lambda _: False) -> list[str]:
        """Ends all but the spared ones, and returns their ids. Raises StorageUnavailable."""
        ending = [run for run in self._runs if not spared(run)]
        for run in ending:
            await interrupt(self._store, self._kinds.get(run.kind), run, self._failures.get(run.id))
            self._runs.remove(run)
        return [run.id for run in ending]

    async def resume(self, resumption: Resumption, supervisor: Supervisor, *, seconds: float) -> int:
        """Makes the `continue` runs of one kind go on, and returns their number. Those that cannot, or whose last checkpoint is
        older than `seconds`, are left for `end`. Raises StorageUnavailable."""
        resumed = 0
        for run in list(self._runs):
            if (run.kind, run.on_disconnect) == (resumption.kind, "continue") and await self._resume(
                run, resumption, supervisor, seconds
            ):
                self._runs.remove(run)
                resumed += 1
        return resumed

    async def _resume(self, run: OpenRun, resumption: Resumption, supervisor: Supervisor, seconds: float) -> bool:
        try:
            reached = await self._store.reached(run.id)
            if reached.seconds > seconds:
                raise Interrupted(f"{GATEWAY_DIED} For {reached.seconds:.0f} seconds, no gateway could go on with it.")
            if run.attempts > MOST_STARTS:
                raise Interrupted(f"{GATEWAY_DIED} It was begun {MOST_STARTS} times, and its gateway stopped each time.")
            work = await resumption.work(run, reached)
        except StorageUnavailable:
            raise
        except Interrupted as failure:
            log.warning("The run %s does not go on: %s", run.id, failure.message)
            self._failures[run.id] = failure
            return False
        except Exception:
            log.exception("The run %s (%s) cannot go on", run.id, run.kind)
            return False
        if work is None:
            return False
        is_started = False
        try:
            opening = [
                replace(event, rebuilt=True) if isinstance(event, Metadata) else event
                for event in (*work.sink.opening(), *reached.events)
            ]
            start = reached.number + NUMBERS_APART
            # if this gateway dies too before its first checkpoint, the next one begins above what was read here
            await self._store.checkpoint([Checkpoint(lease=run.lease, since=reached.number, number=start, events=[])])
            if not supervisor.draining:
                supervisor.resume(run, work, opening, start)
                is_started = True
        except StorageUnavailable:
            raise
        except Exception:
            log.exception("The run %s (%s) cannot go on", run.id, run.kind)
        finally:
            if not is_started:
                async with work.producer:
                    pass  # gives its place back
        return is_started


async def find_forgotten(supervisor: Supervisor, store: RunStore, seconds: float) -> None:
    """Adds to `supervisor.lost` this gateway's stored runs that began more than `seconds` ago and do not run here: the database
    stored an opening or a takeover and its answer was lost, or a result could not be stored. Raises StorageUnavailable."""
    ids = await store.of_owner(supervisor.owner, datetime.now(UTC) - timedelta(seconds=seconds))
    if forgotten := {run_id for run_id in ids if not supervisor.knows(run_id)} - supervisor.lost:
        log.warning("%d runs of this gateway were not running", len(forgotten))
        supervisor.lost |= forgotten


class Leftovers:
    """Ends the forgotten runs of a gateway that is alone; among several gateways, `TakeOver` does.

    An async context manager: it owns the task that looks for them. `seconds`: between two looks, and the least age of a forgotten
    run. `after_end`: called with each run that was ended.
    """

    def __init__(
        self, supervisor: Supervisor, store: RunStore, kinds: Sequence[Kind], *, seconds: float = FORGOTTEN_SECONDS
    ) -> None:
        self._supervisor = supervisor
        self._store = store
        self._kinds = kinds
        self._seconds = seconds
        self._tasks = Background()
        self.after_end: list[Callable[[OpenRun], None]] = []

    async def __aenter__(self) -> Self:
        self._tasks.keep("leftovers", self._keep_looking)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self._end()
            except StorageUnavailable as error:
                if self._supervisor.lost:
                    log.warning("%d forgotten runs could not be ended yet: %s", len(self._supervisor.lost), error.message)

    async def _end(self) -> None:
        supervisor = self._supervisor
        await find_forgotten(supervisor, self._store, self._seconds)
        if not (lost := frozenset(supervisor.lost)):
            return
        orphans = await Orphans.take_over(self._store, self._kinds, supervisor.owner, OrphanRule(lease=None, lost=lost))
        runs = list(orphans.remaining)
        try:
            await orphans.end()
            supervisor.lost -= lost
        finally:  # the next look takes what remains again
            for run in runs:
                if run not in orphans.remaining:
                    call_each(self.after_end, run, event=f"the end of {run.id}")


async def recover(store: RunStore, kinds: Iterable[Kind], owner: str) -> int:
    """Ends every orphan and returns their number. Raises StorageUnavailable."""
    orphans = await Orphans.take_over(store, kinds, owner)
    return len(await orphans.end())


async def end_leftover(store: RunStore, kind: Kind, key: str, supervisor: Supervisor, *, displaces: bool = True) -> None:
    """Ends the key's stored run that no gateway runs, as interrupted. The caller holds the key's claim, which proves that it does
    not run here. At another gateway it makes way, as `Supervisor.claim` describes. Raises StorageUnavailable, SessionBusy."""
    leftover = await store.of_key(key)
    if leftover is None:
        return
    if supervisor.local(leftover.id) is not None:
        raise SessionBusy(leftover.id)  # it was taken over since the claim was given, and goes on here
    elsewhere, is_ours = supervisor.elsewhere, leftover.owner == supervisor.owner
    if elsewhere is None or (is_ours and leftover.id not in supervisor.lost and not supervisor.takes_over):
        log.error("The run %s was left open; it is interrupted now", leftover.id)
        await interrupt(store, kind, leftover)
    elif is_ours or (run := await elsewhere.find(leftover.id)) is None:
        raise SessionBusy(leftover.id)  # it is taken over in a moment
    else:
        await elsewhere.make_room(run, displaces=displaces)


async def interrupt(store: RunStore, kind: Kind | None, orphan: OpenRun, failure: Interrupted | None = None) -> None:
    """Ends one orphan. Forgets one that cannot be read, so that it does not prevent the recovery of the others.

    `failure`: what it ends with. Raises StorageUnavailable.
    """
    failure = failure or Interrupted(GATEWAY_DIED)
    try:
        sink = await kind.restore(orphan) if kind else None
        if sink is not None:
            snapshot = Snapshot()
            for event in (*sink.opening(), *await store.progress(orphan.id)):
                snapshot.add(event)
            outcome = failure_outcome(snapshot, sink, failure)
            if snapshot.progress is None:  # nobody had begun to answer, so the expected server is only a guess
                outcome = replace(outcome, facts=replace(outcome.facts, server=None))
            with suppress(LeaseLost):
                await sink.commit(outcome, orphan.lease)
            return
        log.warning("The run %s (%s) was about something that is gone", orphan.id, orphan.kind)
    except StorageUnavailable:
        raise
    except Exception:
        log.exception("The run %s (%s) cannot be recovered", orphan.id, orphan.kind)
    await store.forget(orphan.lease)
