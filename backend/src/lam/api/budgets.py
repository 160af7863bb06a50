"""What answers say about budgets: the body of a refusal, and the headers that programs read. It reserves nothing."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from lam.accounts.spending import Standing
from lam.errors import BudgetExceeded
from lam.protocol.budget import Limit

# OpenAI's headers know two kinds of limits. Ours of a kind are told by the one of which the least is left.
_KINDS: Final[dict[str, tuple[Limit, ...]]] = {
    "requests": ("requests_per_minute",),
    "tokens": ("tokens_per_minute", "tokens_per_day"),
}


def budget_of(error: BudgetExceeded) -> dict[str, Any]:
    """Returns what a 429 says about the budget that refused."""
    renews = None if error.renews_at is None else datetime.fromtimestamp(error.renews_at, UTC)
    return {
        "of": error.of,
        "name": error.name,
        "limit": error.limit,
        "allowed": error.allowed,
        "left": error.left,
        "needed": error.needed,
        "renews_at": None if renews is None else f"{renews:%Y-%m-%dT%H:%M:%SZ}",
    }


def rate_limits(standings: Iterable[Standing], now: datetime) -> dict[str, str]:
    """Returns OpenAI's `x-ratelimit-…` headers for the budgets of a caller; none for a kind without a limit."""
    bars = [bar for standing in standings for bar in standing.bars]
    headers: dict[str, str] = {}
    for kind, limits in _KINDS.items():
        if tightest := min((bar for bar in bars if bar.limit in limits), key=lambda bar: bar.left, default=None):
            headers |= _headers(kind, tightest.allowed, tightest.left, tightest.renews_at, now)
    return headers


def refused_limits(error: BudgetExceeded, now: datetime) -> dict[str, str]:
    """Returns the headers about the budget that refused."""
    kind = next((kind for kind, limits in _KINDS.items() if error.limit in limits), None)
    return {} if kind is None else _headers(kind, error.allowed, error.left, error.renews_at, now)


def _headers(kind: str, allowed: int, left: int, renews_at: int | None, now: datetime) -> dict[str, str]:
    seconds = 0 if renews_at is None else max(0, renews_at - int(now.timestamp()))
    return {
        f"x-ratelimit-limit-{kind}": str(allowed),
        f"x-ratelimit-remaining-{kind}": str(left),
        f"x-ratelimit-reset-{kind}": f"{seconds}s",
    }
