"""The workers a gateway knows of, from their status messages; liveness by our own clock alone."""

from collections import deque
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from lam.protocol.jobs import WorkerStatus

MOST_REPLACED: Final = 8


class Seen(Struct, kw_only=True):
    """A worker, when it was last heard of, and how many jobs of ours it has."""

    status: WorkerStatus
    heard: float
    jobs: int = 0
    full_until: float = 0  # it said `busy`: not before its next status, or this moment
    away_since: float | None = None  # its connection ended; it may come back
    unheard: bool = False  # since our own connection came back

    @property
    def name(self) -> str:
        return self.status.worker

    def places(self, now: float) -> int:
        """For jobs of ours. What it runs for others counts; what it runs for us it may not have told yet."""
        free = self.status.slots - max(self.status.running, self.jobs) if self.full_until <= now else 0
        return self.jobs + max(0, free)


class WorkerList:
    """`clock` gives seconds. `moved(worker)` is called when one went away or is heard again, `gone(worker)` when it is no more, or
    another instance has its name. `away`, `unheard`: seconds until one is forgotten whose connection ended, or that is silent."""

    def __init__(
        self,
        clock: Callable[[], float],
        moved: Callable[[Seen], None],
        gone: Callable[[Seen], None],
        *,
        away: float = 10,
        unheard: float = 30,
    ) -> None:
        self._away = away
        self._unheard = unheard
        self._clock = clock
        self._moved = moved
        self._gone = gone
        self._seen: dict[str, Seen] = {}
        self._replaced: dict[str, deque[str]] = {}  # instances whose name a newer one has taken

    def all(self) -> list[Seen]:
        """Those that are there."""
        return [seen for seen in self._seen.values() if seen.away_since is None]

    def hear(self, status: WorkerStatus) -> bool:
        """Takes a status; whether anything changed that choosing or capacity depend on."""
        known = self._seen.get(status.worker)
        if status.state == "offline":
            if known is None or known.status.instance != status.instance:
                return False  # of an older instance: the name has a new owner
            if known.status.state == "draining" and not known.jobs:  # it left on purpose
                self._drop(known)
            elif known.away_since is None:
                known.away_since = self._clock()
                self._moved(known)
            return True
        if known is not None and known.status.instance == status.instance:
            changed = known.status != status
            known.status, known.heard, known.full_until = status, self._clock(), 0
            if known.away_since is not None or known.unheard:
                known.away_since, known.unheard, changed = None, False, True
                self._moved(known)
            return changed
        replaced = self._replaced.setdefault(status.worker, deque(maxlen=MOST_REPLACED))
        if known is not None and status.instance in replaced:
            return False  # it still lives, but another one has its name
        self._seen[status.worker] = Seen(status=status, heard=self._clock())
        if known is not None:
            replaced.append(known.status.instance)
            self._gone(known)
        return True

    def forget_silent(self) -> bool:
        """Drops who was not heard of, or has been away, for too long; whether anybody was."""
        now = self._clock()
        silent = [
            seen
            for seen in self._seen.values()
            if now - seen.heard > self._unheard or (seen.away_since is not None and now - seen.away_since > self._away)
        ]
        for seen in silent:
            self._drop(seen)
        return bool(silent)

    def _drop(self, seen: Seen) -> None:
        del self._seen[seen.name]
        self._replaced.pop(seen.name, None)
        self._gone(seen)

    def start_over(self) -> None:
        """After a reconnect silence counts from now: while we were away nobody could be heard."""
        now = self._clock()
        for seen in self._seen.values():
            seen.heard, seen.unheard = now, True
            if seen.away_since is not None:
                seen.away_since = now

    def by_key(self, key: str) -> Seen | None:
        """The connected worker of that name and instance, written `name/instance`."""
        return next((seen for seen in self.all() if f"{seen.name}/{seen.status.instance}" == key), None)

    def models(self) -> set[str]:
        """The names of the models that are served."""
        return {model.name for seen in self.all() if seen.status.state != "draining" for model in seen.status.models}

    def refilled(self) -> bool:
        """Whether a worker that said `busy` may be asked again since the last look."""
        now = self._clock()
        over = [seen for seen in self._seen.values() if 0 < seen.full_until <= now]
        for seen in over:
            seen.full_until = 0
        return bool(over)
