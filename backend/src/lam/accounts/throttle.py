"""How often somebody may try. Nothing is ever locked for good, and no table grows with a flood.

A *budget* counts attempts for one purpose. The login throttle serves each stranger's attempt, but later the more attempts fail.
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
QUICK_REFUSALS: Final = 30  # a minute
HOLD_SECONDS: Final = 2.0
HELD_AT_ONCE: Final = 1000
REGISTRATIONS: Final = 60  # in ten minutes: a class room behind one address

Clock = Callable[[], float]


class Budget:
    """`size` attempts at once, and as many again every `seconds`, for each key. Generic cell rate algorithm: one number a key."""

    def __init__(self, size: int, seconds: float, *, clock: Clock = time.monotonic) -> None:
        self._size = size
        self._each = seconds / size
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()  # when all attempts are there again

    async def check(self, key: str, check: Callable[[], Awaitable[bool]]) -> bool:
        """Whether the check succeeds; only one that fails uses up an attempt. Raises TooManyAttempts."""
        self.take(key)
        good = await check()
        if good:
            self.give_back(key)
        return good

    def take(self, key: str) -> None:
        """Raises TooManyAttempts, with the seconds to wait."""
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
        """The last attempt was a good one, and does not count."""
        key = key[:KEY_CHARACTERS]
        if key in self._full_at:
            self._full_at[key] -= self._each


class _Failures:
    """Failed attempts by key, forgotten after 15 quiet minutes, the longest untouched first."""

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
    """Each attempt is served, but later: after 3 failures 0.5 s, doubling up to 10 s, forgotten after 15 quiet minutes.

    More than 10 attempts at one account waiting at once from one address raise TooManyAttempts, and more than 40 from the address;
    how many wait for an account elsewhere makes no difference, or a stranger could keep its owner out.
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
        self._waiting: Counter[tuple[str, str]] = Counter()  # no entry is zero

    @asynccontextmanager
    async def attempt(self, account: str, address: str) -> AsyncIterator[Callable[[bool], None]]:
        """Waits for its turn, then gives the function that takes whether the attempt succeeded."""
        account, address = account[:KEY_CHARACTERS], address[:KEY_CHARACTERS]
        place, all_places = (address, account), (address, "")
        if self._waiting[place] >= WAITING_FOR_ACCOUNT or self._waiting[all_places] >= WAITING_AT_ADDRESS:
            self._waiting += Counter()  # drops the zeros that looking made
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
        """Seconds that the next attempt at this account, or from this address, waits."""
        over = max(self._accounts.count(account), self._addresses.count(address)) - FREE_FAILURES
        return 0.0 if over < 0 else min(self._first_delay * 2 ** min(over, 10), LONGEST_DELAY)

    def _note(self, account: str, address: str, succeeded: bool) -> None:
        if succeeded:  # the address is not forgiven: one good login must not pay for guesses at other accounts
            self._accounts.forgive(account)
        else:
            self._accounts.add(account)
            self._addresses.add(address)


class Tarpit:
    """Answers late who goes on trying though refused: a loop that heeds no Retry-After costs as little as a few calls a second."""

    def __init__(self, *, clock: Clock = time.monotonic, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._refusals = Budget(QUICK_REFUSALS, 60, clock=clock)
        self._sleep = sleep
        self._held = 0

    @asynccontextmanager
    async def around(self, network: str) -> AsyncIterator[None]:
        """Passes TooManyAttempts on, sometimes later."""
        try:
            yield
        except TooManyAttempts:
            try:
                self._refusals.take(network)
            except TooManyAttempts:
                await self._hold()
            raise

    async def _hold(self) -> None:
        if self._held >= HELD_AT_ONCE:
            return
        self._held += 1
        try:
            await self._sleep(HOLD_SECONDS)
        finally:
            self._held -= 1


class Budgets:
    """One for each purpose: what somebody does to one of them holds up none of the others."""

    def __init__(self, *, first_delay: float = FIRST_DELAY) -> None:
        """`first_delay`: seconds, of the first login that waits."""
        self.tarpit = Tarpit()  # by network
        self.login = LoginThrottle(first_delay=first_delay)  # by account and by network
        self.device = Budget(5, 60)  # wrong passwords from one known device
        self.registration = Budget(REGISTRATIONS, 600)  # by network
        self.change = Budget(5, 60)  # wrong passwords of one account
        self.delete = Budget(5, 60)  # wrong passwords of one account
        self.admin = Budget(60, 60)  # passwords that one admin sets


def network_of(address: str) -> str:
    """Who shares a budget: an IPv4 address, the /64 of an IPv6 one, which is one household's, or what else stands there."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:KEY_CHARACTERS]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
