"""Budgets as arithmetic: no more is used than is allowed, whatever is asked for, in whatever order, at whatever time."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.protocol.budget import DAY, NO_LIMITS, SMALLEST_REPLY, Budget, Spent, Wish, bars, length_within, obstacle

NOON = 20_000 * DAY + DAY // 2

limits = st.none() | st.integers(0, 2000)
budgets = st.builds(Budget, requests_per_minute=st.none() | st.integers(0, 5), tokens_per_minute=limits, tokens_per_day=limits)
wishes = st.builds(
    Wish, prompt=st.integers(0, 300), length=st.none() | st.integers(1, 600), usual=st.integers(1, 600), is_run=st.booleans()
)
steps = st.tuples(st.integers(-2 * DAY, 2 * DAY), wishes, st.floats(0, 1))


@given(budgets, st.lists(steps, max_size=40))
def test_no_window_is_overdrawn_whatever_the_clock_does(budget: Budget, asked: list[tuple[int, Wish, float]]) -> None:
    spent, now, running = Spent(), NOON, list[tuple[int, int, int, int]]()
    by_minute, by_day, requests = dict[int, int](), dict[int, int](), dict[int, int]()
    for change, wish, part in asked:
        now += change
        before, spent = spent, spent.until(now)
        assert spent.at >= before.at
        all_ = bars(budget, spent, len(running))
        if obstacle(all_, wish) is None:
            tokens = wish.prompt + length_within(all_, wish)
            running.append((tokens, int(tokens * part), spent.minute, spent.day))
            spent = spent.adding(requests=int(wish.is_run), tokens=tokens, minute=spent.minute, day=spent.day)
            requests[spent.minute] = requests.get(spent.minute, 0) + wish.is_run
        elif running:  # one run ends, having used at most what it reserved
            reserved, used, minute, day = running.pop(0)
            spent = spent.adding(tokens=used - reserved, minute=minute, day=day)
            by_minute[minute] = by_minute.get(minute, 0) + used
            by_day[day] = by_day.get(day, 0) + used
    for _, used, minute, day in running:
        by_minute[minute] = by_minute.get(minute, 0) + used
        by_day[day] = by_day.get(day, 0) + used
    for used_by, allowed in ((by_minute, budget.tokens_per_minute), (by_day, budget.tokens_per_day)):
        assert allowed is None or all(used <= allowed for used in used_by.values())
    assert budget.requests_per_minute is None or all(count <= budget.requests_per_minute for count in requests.values())


@given(budgets, st.integers(0, 2000), st.integers(0, 2000), wishes)
def test_what_is_admitted_fits_and_is_not_cut_below_the_smallest_reply(budget: Budget, minute: int, day: int, wish: Wish) -> None:
    all_ = bars(budget, Spent(at=NOON, minute_tokens=minute, day_tokens=day), 0)
    if obstacle(all_, wish) is not None:
        return
    length = length_within(all_, wish)
    assert all(wish.prompt + length <= bar.left for bar in all_ if bar.limit.startswith("tokens"))
    assert length == wish.length if wish.length is not None else min(SMALLEST_REPLY, wish.usual) <= length <= wish.usual


@given(budgets, budgets)
def test_the_stricter_limit_of_two_budgets_counts(one: Budget, other: Budget) -> None:
    both = one.within(other)
    assert both == other.within(one)
    assert both.within(one) == both
    assert one.within(NO_LIMITS) == one


def test_a_chosen_length_is_refused_where_it_does_not_fit_and_an_unchosen_one_is_lowered_down_to_64() -> None:
    def length(left: int, chosen: int | None) -> int | None:
        all_ = bars(Budget(tokens_per_day=left), Spent(at=NOON), 0)
        wish = Wish(prompt=100, length=chosen, usual=500)
        return None if obstacle(all_, wish) else length_within(all_, wish)

    assert [length(left, None) for left in (1000, 600, 599, 164, 163, 0)] == [500, 500, 499, 64, None, None]
    assert [length(left, 300) for left in (400, 399)] == [300, None]


def test_a_limit_says_when_all_of_it_is_there_again() -> None:
    spent = Spent(at=NOON + 7, minute_requests=2, minute_tokens=10, day_tokens=30)
    budget = Budget(requests_per_minute=2, tokens_per_minute=40, tokens_per_day=20, runs=1)
    found = {bar.limit: (bar.left, bar.renews_at) for bar in bars(budget, spent, 3)}
    tomorrow = 20_001 * DAY
    assert found == {
        "requests_per_minute": (0, NOON + 60),
        "tokens_per_minute": (30, NOON + 60),
        "tokens_per_day": (0, tomorrow),
        "runs": (0, None),
    }
    refusing = obstacle(bars(budget, spent, 0), Wish(prompt=1, usual=1))
    assert refusing is not None
    assert refusing.limit == "tokens_per_day", "the one that renews last"


@pytest.mark.parametrize("text", [b'{"tokens_per_day":-1}', b'{"tokens_per_week":1}', b'{"runs":1.5}', b'{"runs":1e16}'])
def test_an_impossible_budget_is_refused(text: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Budget)
