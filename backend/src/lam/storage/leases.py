"""Which gateways live, by a row in PostgreSQL that each renews, and which of them has each duty.

The database's clock decides. A gateway measures its own lease by its own clock, from before it sent the renewal, so it never
believes in it for longer than the others do. This module must not know what a gateway does.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Final, Self

from msgspec import Struct
from sqlalchemy import TextClause, make_url, text
from sqlalchemy.exc import SQLAlchemyError

import lam
from lam.background import Background
from lam.callbacks import call_each
from lam.errors import StorageUnavailable
from lam.storage.postgresql import AdvisoryLock, Watch, reason

log = logging.getLogger(__name__)

DUTIES: Final = ("queue", "housekeeping")
WAIT_SECONDS: Final = 10.0  # for a gateway without Redis, which may be stopping
FIRST_BEATS: Final = 5  # attempts, because a machine may be busy when gateways start
FORGOTTEN_SECONDS: Final = 3600.0  # after its last beat, until the row of a gateway is deleted
_AWAY: Final = (SQLAlchemyError, OSError, TimeoutError, StorageUnavailable)


def _statement(sql: str) -> TextClause:
    """`NOW`: the database's clock, in seconds since 1970."""
    return text(sql.replace("NOW", "extract(epoch FROM clock_timestamp())::float8"))


_BEAT: Final = _statement("""
    WITH before AS (SELECT beat_at FROM gateways WHERE name = :name)
    INSERT INTO gateways (name, version, started_at, beat_at, draining) VALUES (:name, :version, NOW, NOW, :draining)
    ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at, draining = excluded.draining
    RETURNING NOW - (SELECT beat_at FROM before)
""")
_HOLD: Final = _statement("""
    INSERT INTO duties (name, owner, epoch, until) VALUES (:duty, :name, 1, NOW + :lease)
    ON CONFLICT (name) DO UPDATE SET
        owner = excluded.owner,
        epoch = duties.epoch + CASE WHEN duties.owner = excluded.owner AND duties.until > NOW THEN 0 ELSE 1 END,
        until = excluded.until
    WHERE duties.owner = excluded.owner OR duties.until <= NOW
    RETURNING epoch
""")
_LET_GO: Final = _statement("UPDATE duties SET until = 0 WHERE owner = :name AND until > 0")
_LET_GO_ONE: Final = _statement("UPDATE duties SET until = 0 WHERE owner = :name AND name = :duty AND until > 0")
_LIVING: Final = _statement("""
    SELECT name, version, started_at, draining FROM gateways WHERE beat_at > NOW - :lease AND name <> :name ORDER BY name
""")
_HOLDERS: Final = _statement("SELECT name, owner FROM duties WHERE until > NOW")
_FORGET: Final = _statement("DELETE FROM gateways WHERE name = :name OR beat_at < NOW - :seconds")


class Pace(Struct, frozen=True, kw_only=True):
    """Times in seconds. `beat`: between two beats. `lease`: how long a lease lasts after a beat."""

    beat: float = 1
    lease: float = 5


class Peer(Struct, frozen=True, kw_only=True):
    """Another gateway that lives. `started_at`: seconds since 1970, by the database's clock. `draining`: it stops."""

    name: str
    version: str
    started_at: float
    draining: bool


class Leases:
    """An async context manager. Entering takes the lock that these gateways share, so that no gateway without Redis runs beside
    them; it raises ConfigError. `begin` starts the beats, once the tables exist. Leaving deletes the row, so that nobody waits for
    the lease to end.

    `after_change`: called when the peers or the holders of duties change. `after_lapse`: called when no renewal succeeded for a
    lease, and whatever this gateway had is lost.
    """

    def __init__(self, database_url: str, name: str, pace: Pace | None = None, *, duties: Iterable[str] = DUTIES) -> None:
        self.name = name
        self.pace = pace = pace or Pace()
        self.after_change: list[Callable[[], None]] = []
        self.after_lapse: list[Callable[[], None]] = []
        self._lock = AdvisoryLock(make_url(database_url), Watch(), shared=True)
        self._duties = tuple(duties)
        self._draining = False
        self._good_until = 0.0
        self._good_since: float | None = None
        self._last_beat: float | None = None
        self._own_duties: dict[str, tuple[int, float]] = {}  # the epoch of a duty, and the end of its lease
        self._passed_on: dict[str, float] = {}  # until when it leaves a duty to others
        self._others: tuple[Peer, ...] = ()
        self._peers: frozenset[str] = frozenset()
        self._holders: dict[str, str] = {}
        self._tasks = Background(first_pause=pace.beat / 5)
        self._beating = asyncio.Lock()
        self._watch: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._lock.first(WAIT_SECONDS)
        except BaseException:
            await self._lock.close()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            async with asyncio.timeout(self.pace.lease / 2), self._beating:  # a beat that is cancelled breaks its connection
                await self._tasks.close()
                if self._last_beat is not None:
                    await self._lock.connection.execute(_LET_GO, {"name": self.name})
                    await self._lock.connection.execute(_FORGET, {"name": self.name, "seconds": FORGOTTEN_SECONDS})
        except _AWAY as failure:
            log.warning("This gateway could not say that it stops; the others notice when its lease ends (%s)", reason(failure))
        await self._tasks.close()
        if self._watch is not None:
            self._watch.cancel()
        await self._lock.close()

    @property
    def lost(self) -> asyncio.Event:
        """Set when a gateway without Redis took the database while it was away."""
        return self._lock.lost

    async def begin(self) -> None:
        """Takes the lease and starts the task that renews it. Raises StorageUnavailable."""
        for left in reversed(range(FIRST_BEATS)):
            try:
                await self.beat()
                break
            except _AWAY as error:
                if not left:
                    raise StorageUnavailable from error
                log.warning("A lease could not be taken (%s)", reason(error))
                await self._lock.regain()
        self._tasks.keep("leases", self._keep_beating)

    # Reading

    @property
    def valid(self) -> bool:
        """Whether this gateway surely counts as living."""
        return _clock() < self._good_until

    @property
    def may_take_over(self) -> bool:
        """Whether its connection has been good for a whole lease. Before that, the others may live, and have been away from the
        database just as this gateway was."""
        return self.valid and self._good_since is not None and _clock() - self._good_since >= self.pace.lease

    def peers(self) -> frozenset[str]:
        """Returns the names of the other gateways that lived at the last beat."""
        return self._peers

    def ready(self) -> frozenset[str]:
        """Returns the names of those that do not stop."""
        return frozenset(peer.name for peer in self._others if not peer.draining)

    def others(self) -> Sequence[Peer]:
        """Returns the other gateways that lived at the last beat, sorted by name."""
        return self._others

    @property
    def _gives(self) -> bool:
        """Whether its duties are for others now. Without others what waits here still gets its places."""
        return self._draining and bool(self.ready())

    def holds(self, duty: str) -> int | None:
        """Returns the epoch of a duty while this gateway surely has it, None otherwise."""
        epoch, until = self._own_duties.get(duty, (0, 0.0))
        return epoch if _clock() < until else None

    def pass_on(self, duty: str) -> None:
        """Gives a duty up for a lease's time at least. Does nothing where no other gateway can take it."""
        if self.ready():
            self._own_duties.pop(duty, None)
            self._passed_on[duty] = _clock() + self.pace.lease

    def holder(self, duty: str) -> str | None:
        """Returns the gateway that had a duty at the last beat, None when nobody had it."""
        return self._holders.get(duty)

    # Beats

    async def look(self) -> None:
        """Looks at once who else lives. Does nothing where the database does not answer."""
        try:
            await self.beat()
        except _AWAY as error:
            log.warning("The other gateways could not be asked for (%s)", reason(error))

    async def drain(self) -> None:
        """Tells the others that this gateway stops, and gives up its duties as soon as another one can take them."""
        self._draining = True
        if self._gives:
            self._own_duties.clear()
        try:
            await self.beat()
        except _AWAY as error:
            log.warning("This gateway could not say that it stops; it says so again later (%s)", reason(error))

    async def _keep_beating(self) -> None:
        while True:
            began = _clock()
            try:
                await self.beat()
            except _AWAY as error:
                log.warning("A lease could not be renewed (%s)", reason(error))
                await self._lock.regain()
            await asyncio.sleep(max(0.0, began + self.pace.beat - _clock()))

    async def beat(self) -> None:
        """Renews the lease and the duties, and reads which other gateways live. Raises what `_AWAY` lists."""
        async with self._beating, asyncio.timeout(self.pace.lease / 2):
            await self._beat()

    async def _beat(self) -> None:
        execute, lease, sent = self._lock.connection.execute, self.pace.lease, _clock()
        age = (await execute(_BEAT, {"name": self.name, "version": lam.__version__, "draining": self._draining})).scalar_one()
        if self._last_beat is not None and (age is None or age > lease or not self.valid):
            self._lapse()
        if self._good_since is None or self._last_beat is None or sent - self._last_beat > lease:
            self._good_since = sent
        self._last_beat, self._good_until = sent, sent + lease
        self._watch_lapse()
        if self._gives:
            self._own_duties.clear()
            await execute(_LET_GO, {"name": self.name})
        else:
            for duty in self._duties:
                sent = _clock()
                if sent < self._passed_on.get(duty, 0.0) and self.ready():
                    await execute(_LET_GO_ONE, {"name": self.name, "duty": duty})
                    continue
                epoch = (await execute(_HOLD, {"duty": duty, "name": self.name, "lease": lease})).scalar_one_or_none()
                if epoch is None or self._gives or sent < self._passed_on.get(duty, 0.0):
                    self._own_duties.pop(duty, None)
                else:
                    self._own_duties[duty] = (epoch, sent + lease)
        living = await execute(_LIVING, {"name": self.name, "lease": lease})
        others = tuple(Peer(**row._mapping) for row in living)
        holders = {row.name: row.owner for row in await execute(_HOLDERS)}
        changed = (others, holders) != (self._others, self._holders)
        self._others, self._holders = others, holders
        self._peers = frozenset(peer.name for peer in others)
        if changed:
            call_each(self.after_change, event="a change of the gateways")

    def _watch_lapse(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        left = max(0.0, self._good_until - _clock())
        self._watch = asyncio.get_running_loop().call_later(left, self._check_lapse)

    def _check_lapse(self) -> None:
        if self.valid:
            self._watch_lapse()
        else:
            self._lapse()

    def _lapse(self) -> None:
        """Gives up all that this gateway had, because others may have it now."""
        if self._good_until:
            log.error("No lease could be renewed for %g s: what runs here is given up, and may go on elsewhere", self.pace.lease)
        self._good_until = 0.0
        self._good_since = None
        self._own_duties.clear()
        call_each(self.after_lapse, event="the end of the lease")


_BOOT: Final = getattr(time, "CLOCK_BOOTTIME", None)  # a clock that goes on while the machine sleeps


def _clock() -> float:
    return time.monotonic() if _BOOT is None else time.clock_gettime(_BOOT)
