"""All connections to the gateway: how many there may be, how long each may stay silent, and which one makes room for another.

It knows nothing of HTTP: a connection reports what it waits for (`Waits`) and when it is overdue.
"""

import asyncio
import contextlib
import logging
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable
from enum import Enum, auto
from types import TracebackType
from typing import Final, Protocol, Self

from msgspec import Struct

from lam.background import Background

log = logging.getLogger(__name__)

RESERVED: Final = 64  # descriptors for the database, the model and files: everything except connections to us
LAST_FREE: Final = 32  # a descriptor this close to the limit shows that the reserve is in use
FEWEST: Final = 16
MOST: Final = 65_536
AT_ONCE: Final = 500  # connections to check before other tasks get a turn
REPORT_SECONDS: Final = 60
HEADS_BYTES: Final = 16 << 20  # of all incomplete heads together


class Patience(Struct, frozen=True, kw_only=True):
    """Time limits in seconds, and a rate in bytes per second. A running reply has no limit while its reader takes something."""

    head: float = 20  # for the whole head of a request, from the connect or its first byte
    idle: float = 75  # between two requests; a proxy's own limit should be lower (nginx: 60)
    body: float = 30  # for a body, plus one second for each `body_rate` bytes of it
    body_rate: int = 500
    silence: float = 60  # of a body that has begun
    drain: float = 30  # for the rest of an unwanted body
    linger: float = 2  # for the client to read the refusal
    unread: float = 60  # for an answer of which the client takes nothing
    sacrifice: float = 10  # after that time an unread answer may make room for a new connection
    look: float = 1  # between two checks of all connections
    comment: float = 15  # of silence in an event stream, before a comment is sent
    tokens: float = 1  # between two checks of the readers of streams, their tokens and keys


class Waits(Enum):
    """What a connection waits for, which decides its turn to make room for others."""

    REQUEST = auto()  # silent: nothing or part of a head has come
    BODY = auto()
    REPLY = auto()


class Connection(Protocol):
    """One connection as this module sees it."""

    @property
    def descriptor(self) -> int:
        """The number of its socket, or -1."""
        ...

    def overdue(self, now: float) -> str | None:
        """Returns the reason to end it now, in one word; None to keep it."""
        ...

    def blocked_since(self) -> float | None:
        """The time since when the client has taken nothing of its answer; None for an event stream, which is never given up."""
        ...

    def end(self, reason: str) -> None:
        """Ends it, with an answer if one is still possible."""
        ...

    def abort(self) -> None:
        """Ends it at once."""
        ...


class Connections:
    """An async context manager: it owns the task that ends overdue connections."""

    def __init__(
        self,
        most: int = 0,
        *,
        patience: Patience | None = None,
        descriptors: int | None = None,
        on_end: Callable[[str], object] = lambda _: None,
    ) -> None:
        """`most`: LAM_MAX_CONNECTIONS. `on_end(reason)`: called for each connection ended from here."""
        self.patience = patience or Patience()
        self._descriptors = descriptors if descriptors is not None else descriptor_limit()
        allowed = max(FEWEST, self._descriptors - RESERVED)
        self.most = min(most or MOST, allowed)
        self.on_end = on_end
        self._waits: dict[Connection, Waits] = {}
        self._requests: OrderedDict[Connection, None] = OrderedDict()  # longest silent first
        self._bodies: OrderedDict[Connection, None] = OrderedDict()  # oldest first
        self._heads: OrderedDict[Connection, int] = OrderedDict()  # bytes of an incomplete head, oldest first
        self._head_bytes = 0
        self._losses: Counter[str] = Counter()
        self._report_at = float("-inf")

    async def __aenter__(self) -> Self:
        self._tasks = Background()
        self._tasks.keep("connections", self._keep_watch)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    @property
    def count(self) -> int:
        return len(self._waits)

    def enter(self, connection: Connection, now: float) -> bool:
        """Accepts a new connection. Returns False when there is no room and no connection can make room."""
        self.note(connection, Waits.REQUEST)
        if len(self._waits) <= self.most and connection.descriptor < self._descriptors - LAST_FREE:
            return True
        other = self._dispensable(connection, now)
        if other is None:
            self._count("full")
            return False
        self._give_up(other)
        return True

    def note(self, connection: Connection, waits: Waits) -> None:
        """Sets what the connection waits for from now on."""
        before = self._waits.get(connection)
        self._waits[connection] = waits
        if before is waits and waits is not Waits.REQUEST:
            return
        for kind, queue in ((Waits.REQUEST, self._requests), (Waits.BODY, self._bodies)):
            queue.pop(connection, None)
            if kind is waits:
                queue[connection] = None

    def hold(self, connection: Connection, size: int) -> None:
        """Records the bytes of an incomplete head. When all heads together are too large, the oldest connections end."""
        self._head_bytes += size - self._heads.get(connection, 0)
        if size:
            self._heads[connection] = size
        else:
            self._heads.pop(connection, None)
        while self._head_bytes > HEADS_BYTES and (oldest := next(iter(self._heads))) is not connection:
            self._give_up(oldest)

    def leave(self, connection: Connection) -> None:
        self.hold(connection, 0)
        self._waits.pop(connection, None)
        self._requests.pop(connection, None)
        self._bodies.pop(connection, None)

    async def look(self, now: float) -> None:
        """Ends overdue connections and logs what was given up since the last report."""
        for number, connection in enumerate(list(self._waits)):
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
            if connection in self._waits and (reason := connection.overdue(now)) is not None:
                self.on_end(reason)
                connection.end(reason)
        self._report(now)

    def _dispensable(self, new: Connection, now: float) -> Connection | None:
        """Returns the connection that makes room: the longest silent, else the oldest incomplete request, else an unread answer."""
        for queue in (self._requests, self._bodies):
            oldest = next((one for one in queue if one is not new), None)
            if oldest is not None:
                return oldest
        unread = ((one.blocked_since(), one) for one, waits in self._waits.items() if waits is Waits.REPLY)
        since, longest = min(
            ((since, one) for since, one in unread if since is not None), key=lambda pair: pair[0], default=(now, None)
        )
        return longest if now - since >= self.patience.sacrifice else None

    def _give_up(self, connection: Connection) -> None:
        self.leave(connection)
        connection.abort()
        self._count("evicted")

    def _count(self, reason: str) -> None:
        self.on_end(reason)
        self._losses[reason] += 1

    def _report(self, now: float) -> None:
        """Logs one line per minute at most."""
        if not self._losses or now - self._report_at < REPORT_SECONDS:
            return
        log.warning(
            "There is room for %d connections: closed %d silent ones for new ones, refused %d new ones; "
            "LAM_MAX_CONNECTIONS or more descriptors (ulimit -n) make room for more",
            self.most,
            self._losses["evicted"],
            self._losses["full"],
        )
        self._losses.clear()
        self._report_at = now

    async def _keep_watch(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(self.patience.look)
            try:
                await self.look(clock())
            except Exception:
                log.exception("The connections could not be looked at")


def descriptor_limit() -> int:
    """Returns how many files and sockets this process may open."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # Windows has no such limit
        import resource

        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return sys.maxsize if soft == resource.RLIM_INFINITY else soft
    return sys.maxsize
