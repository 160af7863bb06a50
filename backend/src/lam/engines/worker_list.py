"""The workers that a gateway knows from their status messages.

Liveness depends on our own clock alone. This module sends nothing.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from lam.protocol.jobs import WorkerStatus

MOST_REPLACED: Final = 8


class KnownWorker(Struct, kw_only=True):
    """A worker, the time of its last status, and the number of our jobs it has."""

    status: WorkerStatus
    last_status: float
    jobs: int = 0
    full_until: float = 0  # it said `busy`: leave it alone until its next status or this time
    away_since: float | None = None  # since when its connection is broken; it may come back
    is_silent: bool = False  # no message yet since our own connection came back
    asked_wrongly: bool = False  # for a picture that no job of it names; the log says so once

    @property
    def name(self) -> str:
        return self.status.worker

    def places(self, now: float) -> int:
        """Places for our jobs. Jobs of other gateways count as load; its status may not include ours yet."""
        free = self.status.slots - max(self.status.running, self.jobs) if self.full_until <= now else 0
        return self.jobs + max(0, free)


class WorkerList:
    """The list of workers. `clock` returns seconds.

    `moved(worker)`: called when a worker disconnects or comes back. `gone(worker)`: called when it is forgotten, or another
    instance uses its name. `away`, `forget`: seconds until a disconnected or silent worker is forgotten.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        moved: Callable[[KnownWorker], None],
        gone: Callable[[KnownWorker], None],
        *,
        away: float = 10,
        forget: float = 30,
    ) -> None:
        self._away = away
        self._forget = forget
        self._clock = clock
        self._moved = moved
        self._gone = gone
        self._workers: dict[str, KnownWorker] = {}
        self._replaced: dict[str, deque[str]] = {}  # older instances of each name

    def all(self) -> list[KnownWorker]:
        """Returns the connected workers."""
        return [worker for worker in self._workers.values() if worker.away_since is None]

    def hear(self, status: WorkerStatus, *, retained: bool = False) -> bool:
        """Takes a status. Returns whether the choice of a worker or the capacity may change.

        `retained`: the broker kept it. The worker may be gone, so what is asked of it now is asked again once it speaks itself.
        """
        known = self._workers.get(status.worker)
        if status.state == "offline":
            if known is None or known.status.instance != status.instance:
                return False  # from an older instance: a newer one uses the name
            if known.status.state == "draining" and not known.jobs:  # it left on purpose
                self._drop(known)
            elif known.away_since is None:
                known.away_since = self._clock()
                self._moved(known)
            return True
        if known is not None and known.status.instance == status.instance:
            changed = known.status != status
            known.status, known.last_status, known.full_until = status, self._clock(), 0
            if known.away_since is not None or known.is_silent:
                known.away_since, known.is_silent, changed = None, known.is_silent and retained, True
                self._moved(known)
            return changed
        replaced = self._replaced.setdefault(status.worker, deque(maxlen=MOST_REPLACED))
        if known is not None and status.instance in replaced:
            return False  # it is alive, but a newer instance uses its name
        self._workers[status.worker] = KnownWorker(status=status, last_status=self._clock())
        if known is not None:
            replaced.append(known.status.instance)
            self._gone(known)
        return True

    def forget_silent(self) -> bool:
        """Removes workers that were silent or disconnected for too long. Returns whether there were any."""
        now = self._clock()
        silent = [
            worker
            for worker in self._workers.values()
            if now - worker.last_status > self._forget or (worker.away_since is not None and now - worker.away_since > self._away)
        ]
        for worker in silent:
            self._drop(worker)
        return bool(silent)

    def _drop(self, worker: KnownWorker) -> None:
        del self._workers[worker.name]
        self._replaced.pop(worker.name, None)
        self._gone(worker)

    def start_over(self) -> None:
        """Restarts the clocks of silence after a reconnect: without a connection we heard nobody."""
        now = self._clock()
        for worker in self._workers.values():
            worker.last_status, worker.is_silent = now, True
            if worker.away_since is not None:
                worker.away_since = now

    def by_key(self, key: str) -> KnownWorker | None:
        """Returns the connected worker with that `name/instance`, None when there is none."""
        return next((worker for worker in self.all() if f"{worker.name}/{worker.status.instance}" == key), None)

    def models(self) -> set[str]:
        """Returns the names of the models that workers serve."""
        return {model.name for worker in self.all() if worker.status.state != "draining" for model in worker.status.models}

    def refilled(self) -> bool:
        """Returns whether a worker that said `busy` can be asked again since the last call."""
        now = self._clock()
        over = [worker for worker in self._workers.values() if 0 < worker.full_until <= now]
        for worker in over:
            worker.full_until = 0
        return bool(over)
