"""What one of several gateways has beside its own work: the lease, the signals, the runs and logs of the others, the takeover.

It must not know what a run is about.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self

from lam.background import Background
from lam.errors import StorageUnavailable
from lam.generation.contracts import Kind, Resumption, RunStore
from lam.generation.recovery import FORGOTTEN_SECONDS, Orphans, find_forgotten
from lam.generation.remote_runs import RemoteRuns
from lam.generation.supervisor import Supervisor, Waits
from lam.protocol.runs import OrphanRule
from lam.redis.signals import Signals
from lam.storage.leases import Leases
from lam.streams.memory_log import Shelf
from lam.streams.mirrors import Mirrors
from lam.streams.replica import Replica

log = logging.getLogger(__name__)

INTERRUPTED: Final = "interrupted"


class Several:
    """The parts of one of several gateways. `remote_runs` and `mirrors` exist inside of `meet`."""

    remote_runs: RemoteRuns
    mirrors: Mirrors

    def __init__(self, signals: Signals, leases: Leases) -> None:
        self.signals = signals
        self.leases = leases

    @asynccontextmanager
    async def meet(
        self, supervisor: Supervisor, store: RunStore, shelf: Shelf, *, waits: Waits, kinds: Collection[str]
    ) -> AsyncIterator[None]:
        """Shares runs with the other gateways: each learns what runs at the others and can read it. `waits`, `kinds`: as of
        `RemoteRuns`."""
        leases, signals = self.leases, self.signals
        self.remote_runs = remote_runs = RemoteRuns(signals, leases, supervisor, store, waits=waits, kinds=kinds)
        async with (
            Replica(signals.link, shelf, valid=lambda: leases.valid) as replica,
            Mirrors(signals.link) as mirrors,
            remote_runs,
        ):
            self.mirrors = mirrors
            supervisor.after_start.append(lambda run: replica.add(run.id, run.lease.epoch, run.log))
            remote_runs.after_end.append(lambda run: mirrors.ended(run.id))
            leases.after_change.append(remote_runs.look)
            leases.after_lapse += [supervisor.lose_all, remote_runs.tell_all]  # the others have forgotten who reads here
            signals.after_return.append(remote_runs.tell_all)
            yield

    def leave(self) -> None:
        """Sends the readers of other gateways' runs away, because this gateway stops."""
        self.mirrors.leave()


class TakeOver:
    """Takes over runs: those of gateways that died, those that were given away, and those that this gateway itself gave up.

    An async context manager: it owns the task that looks for them at each beat. `resumption`: None where no run goes on. `seconds`:
    as of `Orphans.resume`. `forgotten`: seconds, as of `find_forgotten`.
    """

    def __init__(
        self,
        several: Several,
        supervisor: Supervisor,
        store: RunStore,
        kinds: Sequence[Kind],
        resumption: Resumption | None,
        *,
        seconds: float,
        forgotten: float = FORGOTTEN_SECONDS,
    ) -> None:
        self._forgotten = forgotten
        self._looked_at = -forgotten
        self._leases = several.leases
        self._remote_runs = several.remote_runs
        self._supervisor = supervisor
        self._store = store
        self._kinds = kinds
        self._resumption = resumption
        self._seconds = seconds
        self._wake = asyncio.Event()
        self._tasks = Background()

    async def __aenter__(self) -> Self:
        self._remote_runs.after_gift.append(self._wake.set)
        self._leases.after_change.append(self._wake.set)
        self._tasks.keep("take-over", self._keep_looking)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    async def _keep_looking(self) -> None:
        while True:
            try:
                await self._take()
            except StorageUnavailable as error:
                log.warning("The runs of other gateways could not be taken over: %s", error.message)
            try:
                async with asyncio.timeout(self._leases.pace.beat):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    async def _take(self) -> None:
        leases, supervisor = self._leases, self._supervisor
        if not leases.valid or supervisor.draining:
            return
        now = asyncio.get_running_loop().time()
        if now - self._looked_at >= self._forgotten:
            self._looked_at = now
            await find_forgotten(supervisor, self._store, self._forgotten)
        lost = frozenset(run_id for run_id in supervisor.lost if supervisor.local(run_id) is None)
        rule = OrphanRule(lease=leases.pace.lease if leases.may_take_over else None, lost=lost)
        supervisor.takes_over = True
        try:
            orphans = await Orphans.take_over(self._store, self._kinds, supervisor.owner, rule)
            supervisor.lost -= lost
            supervisor.lost.update(run.id for run in orphans.remaining)  # until they run here or have ended, nobody else ends them
        finally:
            supervisor.takes_over = False
        if not orphans.remaining:
            return
        resumed, ending = 0, list[str]()
        try:
            if self._resumption is not None:
                resumed = await orphans.resume(self._resumption, supervisor, seconds=self._seconds)
            if self._supervisor.draining:  # since the check above
                await self._store.give_away([run.lease for run in orphans.remaining])
                self._remote_runs.announce_gift()
                return
            ending = [run.id for run in orphans.remaining]
            await orphans.end()
        finally:  # what still remains is lost, so the next call takes it again
            ended = set(ending).difference(run.id for run in orphans.remaining)
            supervisor.lost -= ended
            for run_id in ended:
                self._remote_runs.ended_orphan(run_id, INTERRUPTED)
            log.warning("%d runs were taken over: %d go on here, %d ended", resumed + len(ended), resumed, len(ended))
