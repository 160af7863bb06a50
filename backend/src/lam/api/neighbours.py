"""Keeps the people of one of several gateways up to date: with the connections to the others, and after signals were lost.

Each gateway hears all others and tells its own people. While Redis is away it hears nothing: then it asks the database each second
who may still read here, and afterwards sends its connections anew and lets its people load anew. It must not know how signals
travel.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec

from lam.background import Background
from lam.chat.changes import Changes
from lam.chat.presence import Connected, Presence
from lam.errors import LamError
from lam.redis.relay import Relay

log = logging.getLogger(__name__)

CHECK_SECONDS: Final = 1.0
USUAL_CHECK_SECONDS: Final = 5.0
"""Between two checks while Redis answers here: another gateway that does not reach it cannot tell what changed there."""
PATIENCE_SECONDS: Final = 30.0
STRANGER_SECONDS: Final = 15.0
"""How long a gateway that says something may be missing among the peers: it may have just started."""
_ALL: Final = "connections"
_WHO: Final = "connections?"
_connections: Final = msgspec.msgpack.Decoder(list[Connected])


class Signals(Protocol):
    """The part of `redis.signals.Signals` that this module needs."""

    name: str
    after_return: list[Callable[[], None]]

    @property
    def since_lost(self) -> float | None:
        """Seconds since Redis was lost; None while it answers."""
        ...

    def send_all(self, kind: str, body: bytes) -> None:
        """Says something to all other gateways."""
        ...

    def send(self, gateway: str, kind: str, body: bytes) -> None:
        """Says something to one gateway."""
        ...

    def hear(self, kind: str, handler: Callable[[str, bytes], None]) -> None:
        """Calls `handler(gateway, body)` for each signal of the kind."""
        ...


class Peer(Protocol):
    """Another gateway that lives."""

    @property
    def name(self) -> str:
        """Its name, new at each start."""
        ...

    @property
    def version(self) -> str:
        """Its release."""
        ...

    @property
    def draining(self) -> bool:
        """Whether it stops."""
        ...


class Leases(Protocol):
    """The part of `storage.leases.Leases` that this module needs."""

    name: str
    after_change: list[Callable[[], None]]

    @property
    def valid(self) -> bool:
        """Whether this gateway surely counts as living."""
        ...

    def others(self) -> Sequence[Peer]:
        """Returns the other gateways that live, sorted by name."""
        ...

    def holds(self, duty: str) -> int | None:
        """Returns the epoch of a duty while this gateway has it, None otherwise."""
        ...

    def peers(self) -> frozenset[str]:
        """Returns the names of the other gateways that live."""
        ...


class Neighbours:
    """An async context manager. `check()`: asks the database who may still read here. `after_death`: called after the death of
    another gateway, on the gateway with the duty `housekeeping`."""

    def __init__(
        self,
        signals: Signals,
        leases: Leases,
        presence: Presence,
        changes: Changes,
        check: Callable[[], Awaitable[None]],
        *,
        patience: float = PATIENCE_SECONDS,
        usual_check: float = USUAL_CHECK_SECONDS,
    ) -> None:
        """`patience`: seconds without Redis after which this gateway is not ready. `usual_check`: seconds between two checks while
        Redis answers."""
        self._usual_check = usual_check
        self.name = leases.name
        self._patience = patience
        self.after_death: list[Callable[[], None]] = []
        self._has_deaths = False  # since the last call of `after_death`
        self._signals = signals
        self._leases = leases
        self._presence = presence
        self._changes = changes
        self._check = check
        self._peers = leases.peers()
        self._strangers: dict[str, float] = {}  # since when gateways with connections are missing among the peers
        self._loss = asyncio.Event()  # set when signals may have been lost
        relay, name = Relay(signals), signals.name
        changed = relay.elsewhere("connection", presence.changed_elsewhere)
        ended = relay.elsewhere("connection-ended", presence.ended_elsewhere)
        presence.after_change.append(lambda connection: changed(name, connection))
        presence.after_end.append(lambda connection_id: ended(name, connection_id))
        signals.hear(_ALL, self._hear_all)
        signals.hear(_WHO, lambda gateway, _: signals.send(gateway, _ALL, self._own()))
        signals.after_return.append(self._returned)
        leases.after_change.append(self._look)

    async def __aenter__(self) -> Self:
        self._tasks = Background()
        self._tasks.keep("neighbours", self._keep_checking)
        self._signals.send_all(_WHO, b"")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    # Health

    def problem(self) -> str | None:
        """Returns why a proxy should send nobody here, None when all is well."""
        if not self._leases.valid:
            return "This gateway's lease could not be renewed in the database."
        lost = self._signals.since_lost
        if lost is None or lost <= self._patience:
            return None
        return f"Redis has been away for {lost:.0f} s: this gateway hears nothing from the others."

    @property
    def hears(self) -> bool:
        """Whether Redis answers."""
        return self._signals.since_lost is None

    def others(self) -> Sequence[Peer]:
        """Returns the other gateways that live."""
        return self._leases.others()

    # Inside

    def _own(self) -> bytes:
        return msgspec.msgpack.encode(self._presence.own())

    def _hear_all(self, gateway: str, body: bytes) -> None:
        self._presence.all_elsewhere(gateway, _connections.decode(body))

    def _look(self) -> None:
        """Forgets the connections to gateways that are gone, and asks new ones for theirs, also one that was only frozen."""
        before, self._peers = self._peers, self._leases.peers()
        for gateway in self._peers - before:
            self._signals.send(gateway, _WHO, b"")
        for gateway in before - self._peers:
            self._presence.all_elsewhere(gateway, ())
            self._has_deaths = True
            self._loss.set()  # its last signals may be lost: access is asked for
        if self._has_deaths and self._leases.holds("housekeeping") is not None:
            self._has_deaths = False
            for callback in self.after_death:
                callback()

    def _returned(self) -> None:
        """After a loss of signals: sends the connections here, asks for those elsewhere, and lets people load anew."""
        self._signals.send_all(_ALL, self._own())
        self._signals.send_all(_WHO, b"")
        self._changes.missed()
        self._loss.set()

    def _forget_strangers(self) -> None:
        """Forgets the connections to gateways that have long been no peers: their signals came after they were gone."""
        now = asyncio.get_running_loop().time()
        strangers = self._presence.gateways() - self._peers
        self._strangers = {gateway: self._strangers.get(gateway, now) for gateway in strangers}
        for gateway, since in self._strangers.items():
            if now - since >= STRANGER_SECONDS:
                self._presence.all_elsewhere(gateway, ())

    async def _keep_checking(self) -> None:
        clock = asyncio.get_running_loop().time
        checked_at = clock()
        while True:
            self._forget_strangers()
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._loss.wait()
            except TimeoutError:
                if self._signals.since_lost is None and clock() - checked_at < self._usual_check:
                    continue
            self._loss.clear()
            checked_at = clock()
            try:
                await self._check()
            except LamError as error:
                log.warning("Who may still read here could not be checked: %s", error.message)
