"""Failed log-ins slow the next attempts down, for the account and for the address; nothing is ever locked for good."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from lam.errors import TooManyAttempts

FREE_FAILURES: Final = 3
FIRST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 10.0
FORGET_SECONDS: Final = 900
WAITING_AT_ONCE: Final = 10
REMEMBERED: Final = 10_000


class _Record:
    __slots__ = ("failures", "last", "waiting")

    def __init__(self) -> None:
        self.failures = 0
        self.last = 0.0
        self.waiting = 0


class LoginThrottle:
    """Each attempt is served, but later: after 3 failures 0.5 s, doubling up to 10 s, forgotten after 15 quiet minutes.

    More than 10 attempts waiting at once from one address raise TooManyAttempts; how many wait for an account makes no difference,
    or a stranger could keep its owner out.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._records: dict[str, _Record] = {}

    @asynccontextmanager
    async def attempt(self, account: str, address: str) -> AsyncIterator[Callable[[bool], None]]:
        """Waits for its turn, then gives the function that takes whether the attempt succeeded."""
        source = self._record(address)
        if source.waiting >= WAITING_AT_ONCE:
            raise TooManyAttempts
        source.waiting += 1
        try:
            delay = max(self.delay(account), self.delay(address))
            if delay:
                await self._sleep(delay)
            yield lambda succeeded: self._note(account, address, succeeded)
        finally:
            source.waiting -= 1

    def delay(self, key: str) -> float:
        """Seconds that the next attempt under this key waits."""
        over = self._record(key).failures - FREE_FAILURES
        return 0.0 if over < 0 else min(FIRST_DELAY * 2 ** min(over, 10), LONGEST_DELAY)

    def _note(self, account: str, address: str, succeeded: bool) -> None:
        if succeeded:  # the address is not forgiven: one good login must not pay for guesses at other accounts
            self._record(account).failures = 0
            return
        for key in (account, address):
            record = self._record(key)
            record.failures += 1
            record.last = self._clock()

    def _record(self, key: str) -> _Record:
        record = self._records.get(key)
        if record is None:
            if len(self._records) >= REMEMBERED:
                self._forget_old()
            record = self._records[key] = _Record()
        elif record.failures and self._clock() - record.last > FORGET_SECONDS:
            record.failures = 0
        return record

    def _forget_old(self) -> None:
        oldest = sorted((r.last, k) for k, r in self._records.items() if not r.waiting)
        for _, key in oldest[: REMEMBERED // 2]:
            del self._records[key]
