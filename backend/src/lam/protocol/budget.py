"""Budgets: how many requests, tokens and runs a key, a person or a group may use, and what is left of them. Pure.

Windows are the minutes and days of UTC, as counted from the largest time that a budget has seen: a clock that was put back opens no
new window. Times are whole seconds since 1970.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

SMALLEST_REPLY: Final = 64  # tokens: a reply without a length of its own is not made shorter than this
MINUTE: Final = 60
DAY: Final = 86_400
LARGEST: Final = 10**15

Count = Annotated[int, Meta(ge=0, le=LARGEST)]
Limit = Literal["requests_per_minute", "tokens_per_minute", "tokens_per_day", "runs"]


class Budget(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What may be used. None: no limit; 0: nothing. `runs`: at once."""

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    tokens_per_day: Count | None = None
    runs: Count | None = None

    def __bool__(self) -> bool:
        return self != NO_LIMITS

    def within(self, other: "Budget") -> "Budget":
        """Returns the stricter of the two for each limit."""
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in self.__struct_fields__}
        return Budget(**{name: min((one for one in pair if one is not None), default=None) for name, pair in pairs.items()})


NO_LIMITS: Final = Budget()


class Spent(Struct, frozen=True, kw_only=True):
    """What was used, reserved tokens included. `at`: the largest time seen. The counts are of its minute and of its day."""

    at: int = 0
    minute_requests: int = 0
    minute_tokens: int = 0
    day_tokens: int = 0

    @property
    def minute(self) -> int:
        return self.at // MINUTE

    @property
    def day(self) -> int:
        return self.at // DAY

    def until(self, now: int) -> "Spent":
        """Returns what counts at `now`, or at the largest time seen before."""
        at = max(self.at, now)
        if at // MINUTE == self.minute:
            return msgspec.structs.replace(self, at=at)
        return Spent(at=at, day_tokens=self.day_tokens if at // DAY == self.day else 0)

    def adding(self, *, requests: int = 0, tokens: int, minute: int, day: int) -> "Spent":
        """Returns this with a use, or with a correction of one, that counts in those windows. What is over is not touched."""
        return msgspec.structs.replace(
            self,
            minute_requests=self.minute_requests + requests,
            minute_tokens=max(0, self.minute_tokens + tokens) if minute == self.minute else self.minute_tokens,
            day_tokens=max(0, self.day_tokens + tokens) if day == self.day else self.day_tokens,
        )


class Bar(Struct, frozen=True, kw_only=True):
    """One limit, and what is left. `renews_at`: when all of it is there again, in seconds; None where a run's end gives it back."""

    limit: Limit
    allowed: int
    used: int
    renews_at: int | None = None

    @property
    def left(self) -> int:
        return max(0, self.allowed - self.used)


def bars(budget: Budget, spent: Spent, running: int) -> list[Bar]:
    """Returns the limits of a budget with what is left. `spent` is of now."""
    minute, day = (spent.minute + 1) * MINUTE, (spent.day + 1) * DAY
    rows: list[tuple[Limit, int, int | None]] = [
        ("requests_per_minute", spent.minute_requests, minute),
        ("tokens_per_minute", spent.minute_tokens, minute),
        ("tokens_per_day", spent.day_tokens, day),
        ("runs", running, None),
    ]
    return [
        Bar(limit=limit, allowed=allowed, used=used, renews_at=renews_at)
        for limit, used, renews_at in rows
        if (allowed := getattr(budget, limit)) is not None
    ]


class Wish(Struct, frozen=True, kw_only=True):
    """The tokens of a request. `length`: the reply's, as somebody chose it; None: up to `usual`, and shorter where that does not
    fit. `is_run`: it counts as a request and as a run."""

    prompt: int
    length: int | None = None
    usual: int
    is_run: bool = True

    def takes(self, limit: Limit) -> int:
        """Returns how much of a limit must be left for the request to be admitted."""
        return self.least if limit in ("tokens_per_minute", "tokens_per_day") else int(self.is_run)

    @property
    def least(self) -> int:
        """The tokens that must be left."""
        return self.prompt + (min(SMALLEST_REPLY, self.usual) if self.length is None else self.length)

    def length_within(self, left: int) -> int:
        """Returns the reply's length where so many tokens are left, at least `least`."""
        return min(self.usual, left - self.prompt) if self.length is None else self.length


def obstacle(all_: list[Bar], wish: Wish) -> Bar | None:
    """Returns the limit that refuses a request, the one that renews last; None when it is admitted."""
    against = [bar for bar in all_ if bar.left < wish.takes(bar.limit)]
    return max(against, key=lambda bar: bar.renews_at or 0, default=None)


def length_within(all_: list[Bar], wish: Wish) -> int:
    """Returns the length of a reply that these limits admit."""
    lefts = [bar.left for bar in all_ if bar.limit in ("tokens_per_minute", "tokens_per_day")]
    return wish.length_within(min(lefts)) if lefts else wish.usual if wish.length is None else wish.length
