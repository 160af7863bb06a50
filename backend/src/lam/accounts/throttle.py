"""Limits how often somebody may try. Nothing is locked for good, and no table grows with a flood.

A *budget* counts attempts for one purpose. The login throttle serves each stranger's attempt, but ever later while attempts fail.
It knows no accounts, only keys.
"""

import asyncio
import ipaddress
import math
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from lam.errors import TooManyAttempts

FREE_FAILURES: Final = 3
FIRST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 10.0
FORGET_SECONDS: Final = 900
WAITING_FOR_ACCOUNT: Final = 10  # from one address
WAITING_AT_ADDRESS: Final = 40
REMEMBERED: Final = 10_000
KEY_CHARACTERS: Final = 64
QUICK_REFUSALS: Final = 30  # per minute
HOLD_SECONDS: Final = 2.0
HELD_AT_ONCE: Final = 1000
REGISTRATIONS: Final = 60  # in ten minutes: a classroom behind one address

Clock = Callable[[], float]


class Budget:
    """`size` attempts at once, and as many again every `seconds`, for each key. Generic cell rate algorithm: one number per key."""

    def __init__(self, size: int, seconds: float, *, clock: Clock = time.monotonic) -> None:
        self._size = size
        self._each = seconds / size
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()  # when all attempts are available again

    async def check(self, key: str, check: Callable[[], Awaitable[bool]]) -> bool:
        """Returns whether the check succeeds; only a failure uses up an attempt. Raises TooManyAttempts."""
        self.take(key)
        good = await check()
        if good:
            self.give_back(key)
        return good

    def take(self, key: str) -> None:
        """Uses up an attempt. Raises TooManyAttempts, with the seconds to wait."""
        now, key = self._clock(), key[:KEY_CHARACTERS]
        full_at = max(self._full_at.pop(key, now), now) + self._each
        wait = full_at - now - self._each * self._size
        if wait > 1e-9:
            self._full_at[key] = full_at - self._each
            raise TooManyAttempts(retry_after=math.ceil(wait))
        self._full_at[key] = full_at
        if len(self._full_at) > REMEMBERED:
            self._full_at.popitem(last=False)

    def give_back(self, key: str) -> None:
        """Gives the last attempt back to the budget, because it succeeded."""
        key = key[:KEY_CHARACTERS]
        if key in self._full_at:
            self._full_at[key] -= self._each


class _Failures:
    """Failed attempts by key. They are forgotten after 15 quiet minutes, longest untouched first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def count(self, key: str) -> int:
        failures, last = self._counts.get(key[:KEY_CHARACTERS], (0, 0.0))
        return failures if failures and self._clock() - last <= FORGET_SECONDS else 0

    def add(self, key: str) -> None:
        failures, key = self.count(key) + 1, key[:KEY_CHARACTERS]
        self._counts[key] = (failures, self._clock())
        self._counts.move_to_end(key)
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)

    def forgive(self, key: str) -> None:
        self._counts.pop(key[:KEY_CHARACTERS], None)


class LoginThrottle:
    """Delays attempts: after 3 failures by 0.5 s, doubling up to 10 s, forgotten after 15 quiet minutes.

    More than 10 attempts at one account waiting at once from one address raise TooManyAttempts, and so do more than 40 from the
    address. Attempts from elsewhere do not count: otherwise a stranger could keep the owner out.
    """

    def __init__(
        self,
        *,
        first_delay: float = FIRST_DELAY,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._first_delay = first_delay
        self._sleep = sleep
        self._accounts = _Failures(clock)
        self._addresses = _Failures(clock)
        self._waiting: Counter[tuple[str, str]] = Counter()  # contains no zeros

    @asynccontextmanager
    async def attempt(self, account: str, address: str) -> AsyncIterator[Callable[[bool], None]]:
        """Waits for its turn, then yields a function that takes whether the attempt succeeded."""
        account, address = account[:KEY_CHARACTERS], address[:KEY_CHARACTERS]
        place, all_places = (address, account), (address, "")
        if self._waiting[place] >= WAITING_FOR_ACCOUNT or self._waiting[all_places] >= WAITING_AT_ADDRESS:
            self._waiting += Counter()  # removes the zeros that lookups made
            raise TooManyAttempts
        self._waiting.update((place, all_places))
        try:
            delay = self.delay(account=account, address=address)
            if delay:
                await self._sleep(delay)
            yield lambda succeeded: self._note(account, address, succeeded)
        finally:
            self._waiting.subtract((place, all_places))
            self._waiting += Counter()

    def delay(self, *, account: str = "", address: str = "") -> float:
        """Returns the seconds that the next attempt at this account, or from this address, must wait."""
        over = max(self._accounts.count(account), self._addresses.count(address)) - FREE_FAILURES
        return 0.0 if over < 0 else min(self._first_delay * 2 ** min(over, 10), LONGEST_DELAY)

    def _note(self, account: str, address: str, succeeded: bool) -> None:
        if succeeded:  # the address keeps its failures: one good login must not pay for guesses at other accounts
            self._accounts.forgive(account)
        else:
            self._accounts.add(account)
            self._addresses.add(address)


class Tarpit:
    """Delays the refusals of those who keep trying: a loop that ignores Retry-After costs no more than a few calls per second."""

    def __init__(self, *, clock: Clock = time.monotonic, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._refusals = Budget(QUICK_REFUSALS, 60, clock=clock)
        self._sleep = sleep
        self._delayed = 0

    @asynccontextmanager
    async def around(self, network: str) -> AsyncIterator[None]:
        """Passes TooManyAttempts on, sometimes after a delay."""
        try:
            yield
        except TooManyAttempts:
            try:
                self._refusals.take(network)
            except TooManyAttempts:
                await self._hold()
            raise

    async def _hold(self) -> None:
        if self._delayed >= HELD_AT_ONCE:
            return
        self._delayed += 1
        try:
            await self._sleep(HOLD_SECONDS)
        finally:
            self._delayed -= 1


class Budgets:
    """One budget per purpose: using one up does not affect the others."""

    def __init__(self, *, first_delay: float = FIRST_DELAY) -> None:
        """`first_delay`: seconds of the first delayed login."""
        self.tarpit = Tarpit()  # by network
        self.login = LoginThrottle(first_delay=first_delay)  # by account and by network
        self.device = Budget(5, 60)  # wrong passwords from one known device
        self.registration = Budget(REGISTRATIONS, 600)  # by network
        self.change = Budget(5, 60)  # wrong passwords of one account
        self.delete = Budget(5, 60)  # wrong passwords of one account
        self.admin = Budget(60, 60)  # passwords that one admin sets


def network_of(address: str) -> str:
    """Returns the key of a shared budget: an IPv4 address, the /64 of an IPv6 address, which is one household's, or the text
    itself."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:KEY_CHARACTERS]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
