"""The workers a gateway knows of, from their status messages; liveness by our own clock alone."""

from collections import deque
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from lam.engines.base import Capacity
from lam.protocol.jobs import ServedModel, WorkerStatus

SILENT_SECONDS: Final = 30
MOST_REPLACED: Final = 8
AWAY_SECONDS: Final = 10  # a worker whose connection broke comes back in less


class Seen(Struct):
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

    @property
    def free(self) -> int:
        """Places that are left. What it runs for others counts; what it runs for us it may not have told yet."""
        return self.status.slots - max(self.status.running, self.jobs)

    def serves(self, model: str | None) -> bool:
        """A worker that has not told its models yet may serve any."""
        return model is None or not self.status.models or any(served.name == model for served in self.status.models)


class WorkerList:
    """`clock` gives seconds. `moved(worker)` is called when one went away or is heard again, `gone(worker)` when it is no more, or
    another instance has its name."""

    def __init__(self, clock: Callable[[], float], moved: Callable[[Seen], None], gone: Callable[[Seen], None]) -> None:
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
        self._seen[status.worker] = Seen(status, self._clock())
        if known is not None:
            replaced.append(known.status.instance)
            self._gone(known)
        return True

    def forget_silent(self) -> bool:
        """Drops who was not heard of for 30 s, or has been away for 10; whether anybody was."""
        now = self._clock()
        silent = [
            seen
            for seen in self._seen.values()
            if now - seen.heard > SILENT_SECONDS or (seen.away_since is not None and now - seen.away_since > AWAY_SECONDS)
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

    def choose(self, model: str | None, *, continues: bool, avoid: frozenset[tuple[str, str]]) -> Seen | None:
        """A ready worker before a busy one, then the one with the most free places; among equals the least busy, then by name.

        `avoid`: only if nobody else serves.
        """
        now = self._clock()
        fit = [
            seen
            for seen in self.all()
            if seen.status.state in ("ready", "busy")
            and seen.free > 0
            and seen.full_until <= now
            and seen.serves(model)
            and (seen.status.continues or not continues)
        ]
        fresh = [seen for seen in fit if (seen.name, seen.status.instance) not in avoid]
        return min(fresh or fit, key=lambda seen: (seen.status.state != "ready", -seen.free, seen.jobs, seen.name), default=None)

    def capacity(self) -> Capacity:
        """Places by model; those of workers that have not told their models stand under no name."""
        places: dict[str, int] = {}
        for seen in self.all():
            if seen.status.state != "draining":
                for model in seen.status.models or (ServedModel(""),):
                    places[model.name] = places.get(model.name, 0) + seen.status.slots
        return places
