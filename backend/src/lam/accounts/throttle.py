"""Limits how often somebody may try. Nothing is locked for good, and no table grows with a flood.

A *budget* counts attempts for one purpose. The login throttle serves each stranger's attempt, but ever later while attempts fail.
Several gateways count together (`SharedCounts`); while they cannot, each counts for itself. It knows no accounts, only keys.
"""

import asyncio
import ipaddress
import math
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

from lam.errors import TooManyAttempts, Unreachable

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
WRONG_CODES: Final = 60  # in ten minutes: a classroom that mistypes behind one address
ATTEMPT_SECONDS: Final = 120.0  # after which an attempt that never ended is forgotten

Clock = Callable[[], float]
Name = tuple[str, str]
"""A purpose and a key."""


class SharedCounts(Protocol):
    """Counts that all gateways share. Every method raises Unreachable."""

    async def take(self, name: str, key: str, size: int, seconds: float) -> float:
        """Uses up one of `size` attempts in `seconds`. Returns 0, or the seconds until there is one when none is left."""
        ...

    async def give_back(self, name: str, key: str, size: int, seconds: float) -> None:
        """Gives the last attempt back to its budget."""
        ...

    async def failures(self, names: Sequence[Name]) -> list[int]:
        """Returns the number of failures of each."""
        ...

    async def fail(self, names: Sequence[Name], seconds: float) -> None:
        """Counts a failure of each. It is forgotten after `seconds` without another one."""
        ...

    async def forgive(self, name: str, key: str) -> None:
        """Forgets the failures of one."""
        ...

    async def enter(self, limits: Mapping[Name, int], who: str, seconds: float) -> bool:
        """Counts the attempt `who` under several names at once, for up to `seconds`. Returns False, and counts nothing, when one of
        them has as many as its limit."""
        ...

    async def leave(self, limits: Mapping[Name, int], who: str) -> None:
        """Ends the attempt `who`."""
        ...


class Budget:
    """`size` attempts at once, and as many again every `seconds`, for each key. Generic cell rate algorithm: one number per key.

    `shared`: where the attempts of all gateways are counted, under `name`.
    """

    def __init__(
        self, size: int, seconds: float, *, clock: Clock = time.monotonic, name: str = "", shared: SharedCounts | None = None
    ) -> None:
        self._name, self._shared, self._seconds = name, shared, seconds
        self._size = size
        self._each = seconds / size
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()  # when all attempts are available again

    async def check(self, key: str, check: Callable[[], Awaitable[bool]]) -> bool:
        """Returns whether the check succeeds; only a failure uses up an attempt. Raises TooManyAttempts."""
        await self.spend(key)
        good = await check()
        if good:
            self.give_back(key)
            if self._shared is not None:
                with suppress(Unreachable):
                    await self._shared.give_back(self._name, key[:KEY_CHARACTERS], self._size, self._seconds)
        return good

    async def spend(self, key: str) -> None:
        """Uses up an attempt, of this gateway and, where the budget is shared, of all. Raises TooManyAttempts."""
        self.take(key)
        if self._shared is None:
            return
        wait = 0.0
        with suppress(Unreachable):
            wait = await self._shared.take(self._name, key[:KEY_CHARACTERS], self._size, self._seconds)
        if wait:
            self.give_back(key)
            raise TooManyAttempts(retry_after=math.ceil(wait))

    def take(self, key: str) -> None:
        """Uses up an attempt of this gateway. Raises TooManyAttempts, with the seconds to wait."""
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
        shared: SharedCounts | None = None,
    ) -> None:
        self._shared = shared
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
            async with self._among_all(account, address) as counts:
                delay = self.delay(account=account, address=address) if counts is None else self._delay_after(max(counts))
                if delay:
                    await self._sleep(delay)
                results: list[bool] = []

                def note(succeeded: bool) -> None:
                    self._note(account, address, succeeded)
                    results.append(succeeded)

                try:
                    yield note
                finally:
                    if results:
                        await self._note_for_all(account, address, results[-1])
        finally:
            self._waiting.subtract((place, all_places))
            self._waiting += Counter()

    @asynccontextmanager
    async def _among_all(self, account: str, address: str) -> AsyncIterator[list[int] | None]:
        """Yields the failures of the account and of the address on all gateways; None when only this gateway counts."""
        if self._shared is None:
            yield None
            return
        who, counts = secrets.token_hex(8), None
        limits = {("waiting", f"{address} {account}"): WAITING_FOR_ACCOUNT, ("waiting", address): WAITING_AT_ADDRESS}
        with suppress(Unreachable):
            if not await self._shared.enter(limits, who, ATTEMPT_SECONDS):
                raise TooManyAttempts
            counts = await self._shared.failures([("account", account), ("address", address)])
        try:
            yield counts
        finally:
            with suppress(Unreachable):
                await self._shared.leave(limits, who)

    async def _note_for_all(self, account: str, address: str, succeeded: bool) -> None:
        if self._shared is None:
            return
        with suppress(Unreachable):
            if succeeded:
                await self._shared.forgive("account", account)
            else:
                await self._shared.fail([("account", account), ("address", address)], FORGET_SECONDS)

    def delay(self, *, account: str = "", address: str = "") -> float:
        """Returns the seconds that the next attempt at this account, or from this address, must wait, by this gateway's count."""
        return self._delay_after(max(self._accounts.count(account), self._addresses.count(address)))

    def _delay_after(self, failures: int) -> float:
        over = failures - FREE_FAILURES
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

    def __init__(self, *, first_delay: float = FIRST_DELAY, shared: SharedCounts | None = None) -> None:
        """`first_delay`: seconds of the first delayed login. `shared`: the counts of several gateways."""
        self.tarpit = Tarpit()  # by network
        self.login = LoginThrottle(first_delay=first_delay, shared=shared)  # by account and by network
        self.device = Budget(5, 60, name="device", shared=shared)  # wrong passwords from one known device
        self.registration = Budget(REGISTRATIONS, 600, name="registration", shared=shared)  # by network
        self.change = Budget(5, 60, name="change", shared=shared)  # wrong passwords of one account
        self.delete = Budget(5, 60, name="delete", shared=shared)  # wrong passwords of one account
        self.admin = Budget(60, 60, name="admin", shared=shared)  # passwords that one admin sets
        self.codes = Budget(WRONG_CODES, 600, name="codes", shared=shared)  # wrong codes of rooms, by network


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
