"""Budgets in the database: they hold to the token while many reserve and settle at once, and outlive the process and the clock."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lam.accounts.programs import Spender
from lam.accounts.spending import (
    NO_ORPHAN,
    Defaults,
    GroupBudget,
    Reservations,
    Spending,
    key_owner,
    settle,
    settle_orphans,
    user_owner,
)
from lam.errors import BudgetExceeded
from lam.protocol.budget import Budget
from lam.protocol.events import Usage
from lam.protocol.runs import OpenRun
from lam.storage.database import Database

from .. import databases

NOW = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(databases.migrated(tmp_path), pool_size=10)
    async with opened.write() as unit:
        for email in ("one@example.org", "two@example.org"):
            await unit.users.add(email, None, is_admin=False, now=NOW)
    yield opened
    await opened.close()


async def limit(database: Database, budget: Budget, owner: str = user_owner(1)) -> None:
    async with database.write() as unit:
        await unit.spending.set_limits(owner, 1, budget)


async def reserve(database: Database, run_id: str, spending: Spending | None = None, **values: Any) -> int:
    given: dict[str, Any] = {"prompt_tokens": 10, "max_tokens": None, "now": NOW, "spender": Spender(1)} | values
    async with database.write() as unit:
        return (await (spending or Spending()).reserve(unit, given.pop("spender"), run_id=run_id, **given)).length


async def end(database: Database, run_id: str, usage: Usage | None, shown: int = 0) -> None:
    async with database.write() as unit:
        await settle(unit, run_id, usage, shown)


async def used(database: Database, spender: Spender = Spender(1), spending: Spending | None = None, now: datetime = NOW) -> Any:  # noqa: B008  # frozen
    """What is used of each limit, by the budget's kind."""
    async with database.read() as unit:
        found = await (spending or Spending()).standing(unit, spender, now)
    return {one.of: {bar.limit: bar.used for bar in one.bars} for one in found}


def tokens(prompt: int, completion: int, *, estimated: bool = False) -> Usage:
    return Usage(prompt, completion, prompt + completion, **({"estimated": True} if estimated else {}))


async def test_without_a_budget_nothing_is_stored(database: Database) -> None:
    assert await reserve(database, "run", usual=300) == 300
    assert await reserve(database, "other", max_tokens=7) == 7
    await end(database, "run", tokens(10, 20))
    async with database.read() as unit:
        for table in ("spending", "reservations", "budgets"):
            rows = await unit._connection.exec_driver_sql(f"SELECT count(*) FROM {table}")
            assert rows.scalar() == 0


async def test_fifty_at_once_stay_within_the_day_to_the_token(database: Database) -> None:
    await limit(database, Budget(tokens_per_day=5000))
    chance, total, refused = random.Random(1), 0, 0

    async def run(number: int) -> None:
        nonlocal total, refused
        prompt, wished = chance.randint(1, 60), chance.choice([None, 50, 200, 400])
        try:
            length = await reserve(database, f"run{number}", prompt_tokens=prompt, max_tokens=wished, usual=300)
        except BudgetExceeded:
            refused += 1
            return
        written = chance.randint(0, length)
        await end(database, f"run{number}", tokens(prompt, written))
        total += prompt + written

    await asyncio.gather(*map(run, range(50)))
    assert total <= 5000
    assert await used(database) == {"user": {"tokens_per_day": total}}
    while 5000 - total >= 64:  # what was given back can be used
        length = await reserve(database, f"last{total}", prompt_tokens=0, usual=100)
        await end(database, f"last{total}", tokens(0, length))
        total += length
    with pytest.raises(BudgetExceeded) as last:
        await reserve(database, "last", prompt_tokens=0, usual=100)
    assert last.value.left == 5000 - total
    assert refused


async def test_runs_at_once_and_requests_are_counted_while_many_come_at_once(database: Database) -> None:
    await limit(database, Budget(runs=3, requests_per_minute=5))

    async def admitted(number: int) -> bool:
        try:
            await reserve(database, f"run{number}")
        except BudgetExceeded:
            return False
        return True

    assert sum(await asyncio.gather(*map(admitted, range(30)))) == 3
    async with database.read() as unit:
        rows = await unit._connection.exec_driver_sql("SELECT run_id FROM reservations")
        running = list(rows.scalars())
    for run_id in running:
        await end(database, run_id, None)
    assert sum(await asyncio.gather(*map(admitted, range(100, 130)))) == 2, "five requests a minute"
    assert await reserve(database, "title", is_run=False, max_tokens=16) == 16, "the gateway's own work is no request and no run"


async def test_a_key_its_account_and_its_groups_all_have_to_admit_a_run(database: Database) -> None:
    group = GroupBudget(name="team", users=frozenset({"one@example.org", "two@example.org"}), budget=Budget(tokens_per_day=1000))
    spending = Spending(Defaults(groups=(group,), key=Budget(tokens_per_day=500)))
    async with database.write() as unit:
        key = await unit.keys.add(
            user_id=1,
            key_hash="h",
            name="Notebook",
            prefix="sk-lam-aaaa",
            scopes=["chat"],
            models=None,
            created_at=NOW,
            expires_at=None,
        )
    await limit(database, Budget(tokens_per_day=9999), key_owner(key.id))
    with_key = Spender(1, key.id)
    assert await reserve(database, "run", spending, spender=with_key, usual=2000) == 490, "a key has no more than any key may have"
    with pytest.raises(BudgetExceeded) as refused:
        await reserve(database, "more", spending, spender=with_key)
    assert (refused.value.of, refused.value.name, refused.value.left) == ("key", "Notebook", 0)
    assert await reserve(database, "own", spending, usual=2000) == 490, "the group's rest"
    with pytest.raises(BudgetExceeded) as refused:
        await reserve(database, "theirs", spending, spender=Spender(2))
    assert (refused.value.of, refused.value.name) == ("group", "team")
    await end(database, "run", tokens(10, 90))
    assert await reserve(database, "again", spending, spender=Spender(2), usual=2000) == 390
    assert await used(database, with_key, spending) == {"key": {"tokens_per_day": 100}, "group": {"tokens_per_day": 1000}}


async def test_an_own_budget_stands_in_place_of_the_usual_one_even_without_limits(database: Database) -> None:
    spending = Spending(Defaults(user=Budget(tokens_per_day=100)))
    assert await reserve(database, "one", spending, usual=2000) == 90
    await limit(database, Budget())
    assert await reserve(database, "two", spending, usual=2000) == 2000
    async with database.write() as unit:
        await unit.spending.set_limits(user_owner(1), 1, None)
    with pytest.raises(BudgetExceeded):
        await reserve(database, "three", spending)


async def test_a_budget_set_by_several_at_once_is_one_of_theirs(database: Database) -> None:
    given = [Budget(tokens_per_day=100 + number) for number in range(8)]
    await asyncio.gather(*(limit(database, budget) for budget in given))
    async with database.read() as unit:
        stored = await unit.spending.limits([user_owner(1)])
    assert stored[user_owner(1)] in given


async def test_a_clock_put_back_gives_nothing_away_and_the_next_day_does(database: Database) -> None:
    await limit(database, Budget(tokens_per_day=100, requests_per_minute=2))
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    assert await reserve(database, "one", now=midnight, usual=2000) == 90
    for back in (timedelta(seconds=1), timedelta(hours=1), timedelta(days=3)):
        with pytest.raises(BudgetExceeded) as refused:
            await reserve(database, "two", now=midnight - back)
        assert refused.value.renews_at == int((midnight + timedelta(days=1)).timestamp())
    assert await used(database, now=midnight - timedelta(hours=1)) == {"user": {"tokens_per_day": 100, "requests_per_minute": 1}}
    assert await reserve(database, "three", now=midnight + timedelta(days=1), usual=2000) == 90


async def test_a_run_counts_for_the_day_on_which_it_was_admitted(database: Database) -> None:
    await limit(database, Budget(tokens_per_day=100))
    before = datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC)
    assert await reserve(database, "late", now=before, usual=2000) == 90
    tomorrow = before + timedelta(seconds=1)
    assert await reserve(database, "early", now=tomorrow, prompt_tokens=0, usual=80) == 80
    await end(database, "late", tokens(10, 1))
    assert await used(database, now=tomorrow) == {"user": {"tokens_per_day": 80}}, "yesterday's rest is no gift to today"


@pytest.mark.parametrize(
    ("usage", "shown", "expected"),
    [
        (tokens(9, 20), 500, 29),  # as the server says
        (tokens(30, 90), 0, 120),  # more than was reserved: the server says so
        (tokens(10, 3, estimated=True), 7, 17),  # an estimate is not less than what came
        (tokens(10, 500, estimated=True), 500, 110),  # nor more than what was reserved
        (None, 5, 15),  # the prompt and what came
        (None, 0, 0),  # nothing came
    ],
)
async def test_a_run_costs_what_it_used(database: Database, usage: Usage | None, shown: int, expected: int) -> None:
    await limit(database, Budget(tokens_per_day=1000))
    await reserve(database, "run", usual=100)
    await end(database, "run", usage, shown)
    assert await used(database) == {"user": {"tokens_per_day": expected}}
    await end(database, "run", usage, shown)
    assert await used(database) == {"user": {"tokens_per_day": expected}}, "once"


async def test_a_refused_run_and_a_failed_transaction_reserve_nothing(database: Database) -> None:
    await limit(database, Budget(tokens_per_day=100, runs=1))

    async def fail() -> None:
        async with database.write() as unit:
            await Spending().reserve(unit, Spender(1), run_id="run", prompt_tokens=10, max_tokens=None, now=NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    with pytest.raises(BudgetExceeded):
        await reserve(database, "run", max_tokens=200)
    assert await used(database) == {"user": {"tokens_per_day": 0, "runs": 0}}


async def test_a_reservation_whose_run_is_gone_frees_its_place_and_keeps_its_tokens(database: Database) -> None:
    await limit(database, Budget(tokens_per_day=1000, runs=2))
    for run_id in ("gone", "open", "open#1"):
        async with database.write() as unit:
            await Spending().reserve(
                unit, Spender(1), run_id=run_id, prompt_tokens=10, max_tokens=90, now=NOW, is_run="#" not in run_id
            )
    async with database.write() as unit:
        await unit.runs.add(OpenRun(id="open", kind="reply", key=None, user_id=1, owner="gateway"), NOW)
        assert await settle_orphans(unit, NOW - timedelta(minutes=1)) == 0, "it may be at work at another gateway"
        assert await settle_orphans(unit) == 1
    assert await used(database) == {"user": {"tokens_per_day": 300, "runs": 1}}


async def test_a_place_that_nobody_settles_is_free_again_within_hours(database: Database) -> None:
    await limit(database, Budget(tokens_per_day=1000, runs=2))
    await reserve(database, "vectors-1", max_tokens=0)
    reservations = Reservations(database)
    assert await reservations.settle(NOW + NO_ORPHAN) == 0
    assert await reservations.settle(NOW + NO_ORPHAN + timedelta(minutes=1)) == 1
    assert (await used(database))["user"]["runs"] == 0
    await reserve(database, "vectors-2", max_tokens=0)
    on_duty = False
    async with Reservations(database, on_duty=lambda: on_duty, every=0.01):
        await asyncio.sleep(0.1)  # Time itself: nothing may happen
        assert (await used(database))["user"]["runs"] == 1
        on_duty = True  # and by now the request is long over
        async with asyncio.timeout(60):
            while (await used(database))["user"]["runs"]:
                await asyncio.sleep(0.01)


async def test_a_refusal_says_what_to_do_and_until_when(database: Database) -> None:
    await limit(database, Budget(tokens_per_minute=200, runs=5))
    await reserve(database, "run", usual=100)
    with pytest.raises(BudgetExceeded) as refused:
        await reserve(database, "more", max_tokens=100)
    error = refused.value
    assert (error.limit, error.allowed, error.left, error.needed, error.retry_after) == ("tokens_per_minute", 200, 90, 110, 30)
    assert "2026-11-23 12:01 UTC" in error.message
    with pytest.raises(BudgetExceeded, match="make it shorter"):
        await reserve(database, "long", max_tokens=300)
