"""The headers that tell a program what is left of its budgets."""

from datetime import UTC, datetime

import pytest

from lam.accounts.spending import Standing
from lam.api.budgets import rate_limits, refused_limits
from lam.errors import BudgetExceeded
from lam.protocol.budget import Bar, Limit

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECONDS = int(NOON.timestamp())


def bar(limit: Limit, allowed: int, used: int, renews_in: int | None) -> Bar:
    return Bar(limit=limit, allowed=allowed, used=used, renews_at=None if renews_in is None else SECONDS + renews_in)


def test_the_limit_of_which_the_least_is_left_stands_for_its_kind() -> None:
    key = Standing(of="key", name="k", bars=[bar("requests_per_minute", 9, 2, 30), bar("tokens_per_day", 1000, 100, 3600)])
    user = Standing(of="user", name=None, bars=[bar("tokens_per_minute", 500, 450, 30), bar("runs", 4, 1, None)])
    assert rate_limits([key, user], NOON) == {
        "x-ratelimit-limit-requests": "9",
        "x-ratelimit-remaining-requests": "7",
        "x-ratelimit-reset-requests": "30s",
        "x-ratelimit-limit-tokens": "500",
        "x-ratelimit-remaining-tokens": "50",
        "x-ratelimit-reset-tokens": "30s",
    }


@pytest.mark.parametrize("bars", [[], [bar("runs", 4, 1, None)]])
def test_without_a_limit_of_a_kind_nothing_is_said_about_it(bars: list[Bar]) -> None:
    assert rate_limits([Standing(of="key", name="k", bars=bars)], NOON) == {}


def test_a_refusal_has_the_limit_that_refused() -> None:
    error = BudgetExceeded(limit="tokens_per_day", allowed=1000, left=12, renews_at=SECONDS + 60)
    assert refused_limits(error, NOON)["x-ratelimit-remaining-tokens"] == "12"
    assert refused_limits(error, NOON)["x-ratelimit-reset-tokens"] == "60s"
    assert refused_limits(BudgetExceeded(limit="runs", allowed=1), NOON) == {}
