"""When a server that fails is left alone, and when it is tried again: a circuit breaker for each pool of places.

Closed: requests may go there. Open: after failures, none goes there while another server can answer. Half open: the server says
that it is well, so one request at a time tries; its success closes the breaker, its failure opens it for longer.

Pure: it counts and compares times; whoever uses it asks the server.
"""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

PoolKey = tuple[str, str]
"""A server and the name of its pool."""
State = Literal["closed", "open", "half_open"]


class Tolerance(Struct, frozen=True, kw_only=True):
    """`failures`: how many in a row open the breaker. `first`, `longest`: seconds until the server is asked again, doubled after
    each further failure."""

    failures: int = 3
    first: float = 1
    longest: float = 60


class Breaker:
    """The breaker of one pool. `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float], tolerance: Tolerance) -> None:
        self._clock = clock
        self._tolerance = tolerance
        self.state: State = "closed"
        self._failures = 0
        self._pause = tolerance.first
        self._until = 0.0

    @property
    def blocks(self) -> bool:
        """Whether requests should go elsewhere now."""
        return self.state == "open" or (self.state == "half_open" and self._clock() < self._until)

    @property
    def pause(self) -> float:
        """How long the next one has to wait, in seconds, when a request that tries has not ended."""
        return self._pause

    @property
    def seconds(self) -> float:
        """Until the server may be asked again."""
        return max(0.0, self._until - self._clock())

    def enter(self) -> None:
        """Notes that a request goes there. While the breaker is half open, the next one has to wait for its end, or for a while."""
        if self.state == "half_open":
            self._until = self._clock() + self._pause

    def fail(self, *, at_once: bool = False, seconds: float = 0) -> bool:
        """Notes a failure. Returns whether this opened the breaker. `at_once`: one is enough. `seconds`: how long the server itself
        wants to be left alone."""
        if self.state == "open":
            self._until = max(self._until, self._clock() + seconds)
            return False
        self._failures += 1
        if self.state == "closed" and self._failures < self._tolerance.failures and not at_once:
            return False
        self._open(seconds)
        return True

    def still_ill(self) -> None:
        """Notes that the server, asked again, is not well: the next pause is longer."""
        self._open(0)

    def try_again(self) -> None:
        """Notes that the server says it is well: one request may try."""
        if self.state == "open":
            self.state, self._until = "half_open", 0.0

    def succeed(self) -> bool:
        """Notes that a request got an answer. Returns whether this closed the breaker."""
        was, self.state = self.state, "closed"
        self._failures, self._pause = 0, self._tolerance.first
        return was != "closed"

    def _open(self, seconds: float) -> None:
        self.state = "open"
        self._until = self._clock() + max(self._pause, seconds)
        self._pause = min(2 * self._pause, self._tolerance.longest)


class Breakers:
    """The breakers of all pools. A pool without failures has none."""

    def __init__(self, clock: Callable[[], float], tolerance: Tolerance | None = None) -> None:
        self._clock = clock
        self._tolerance = tolerance or Tolerance()
        self._all: dict[PoolKey, Breaker] = {}

    def of(self, pool: PoolKey) -> Breaker:
        """Returns the pool's breaker, which begins closed."""
        return self._all.setdefault(pool, Breaker(self._clock, self._tolerance))

    def blocks(self, pool: PoolKey) -> bool:
        """Returns whether requests should go elsewhere now."""
        breaker = self._all.get(pool)
        return breaker is not None and breaker.blocks

    def succeed(self, pool: PoolKey) -> bool:
        """Notes that a request got an answer. Returns whether this closed the pool's breaker."""
        breaker = self._all.get(pool)
        return breaker is not None and breaker.succeed()

    def enter(self, pool: PoolKey) -> None:
        """Notes that a request goes to the pool."""
        if (breaker := self._all.get(pool)) is not None:
            breaker.enter()

    def has(self, breaker: Breaker) -> bool:
        """Returns whether this is still the breaker of a pool."""
        return breaker in self._all.values()

    def keep(self, wanted: Callable[[PoolKey], bool]) -> None:
        """Forgets all pools but those that are wanted."""
        if self._all:
            self._all = {pool: breaker for pool, breaker in self._all.items() if wanted(pool)}
