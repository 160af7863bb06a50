"""Who lives and who has a duty, as PostgreSQL knows it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lam.errors import ConfigError, LeaseLost
from lam.protocol.runs import Lease, OpenRun, OrphanRule
from lam.storage.database import Database
from lam.storage.leases import Leases, Pace
from lam.storage.lock import exclusive
from lam.storage.run_store import RunStore

from .. import databases

pytestmark = pytest.mark.postgresql
LASTING = Pace(beat=0.05, lease=30)


@pytest.fixture
async def url(tmp_path: Path) -> str:
    url = databases.migrated(tmp_path)
    database = Database(url)
    await database.upgrade()
    await database.close()
    return url


@asynccontextmanager
async def living(url: str, name: str, pace: Pace = LASTING) -> AsyncIterator[Leases]:
    async with Leases(url, name, pace) as leases:
        await leases.begin()
        yield leases


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


async def test_gateways_know_each_other_and_one_of_them_has_a_duty(url: str) -> None:
    async with living(url, "a") as a, living(url, "b") as b:
        await until(lambda: a.peers() == {"b"} and b.peers() == {"a"})
        assert (a.holds("queue"), b.holds("queue")) == (1, None)
        assert a.holder("queue") == b.holder("queue") == "a"


async def test_who_leaves_says_so_and_the_duty_goes_on_under_the_next_epoch(url: str) -> None:
    async with living(url, "b") as b:
        async with living(url, "a") as a:
            await until(lambda: b.peers() == {"a"})
            await b.drain()
            await until(lambda: a.holds("queue"))
            assert (a.holds("queue"), b.holds("queue"), b.valid) == (2, None, True)
            await until(lambda: all(peer.draining for peer in a.others()))
            assert a.peers() == {"b"}
        await until(lambda: not b.peers())


async def test_who_stops_alone_keeps_its_duties_until_somebody_comes(url: str) -> None:
    async with living(url, "a") as a:
        await a.drain()
        await a.beat()
        assert a.holds("queue") == 1
        async with living(url, "b") as b:
            await until(lambda: b.holds("queue"))
            assert (a.holds("queue"), b.holds("queue")) == (None, 2)


async def test_a_duty_that_is_passed_on_goes_to_another_gateway_and_may_come_back(url: str) -> None:
    pace = Pace(beat=0.05, lease=30)
    async with living(url, "a", pace) as a:
        a.pass_on("queue")
        await asyncio.sleep(0.2)  # Time itself: nobody else could take it
        assert a.holds("queue") == 1
        async with living(url, "b", pace) as b:
            await until(lambda: a.peers() == {"b"} and b.peers() == {"a"})
            a.pass_on("queue")
            assert a.holds("queue") is None
            await until(lambda: b.holds("queue") == 2)
            assert (a.holds("housekeeping"), b.holds("housekeeping")) == (1, None)
            b.pass_on("queue")
            a._passed_on.clear()  # as if its lease's time were over
            await until(lambda: a.holds("queue") == 3)


async def test_a_gateway_that_could_not_renew_for_a_lease_has_lost_everything(url: str) -> None:
    pace = Pace(beat=0.05, lease=3)
    async with living(url, "a", pace) as a, living(url, "b", pace) as b:
        await until(lambda: b.peers() == {"a"})
        lapses, changes = list[bool](), list[frozenset[str]]()
        a.after_lapse.append(lambda: lapses.append(a.valid))
        b.after_change.append(lambda: changes.append(b.peers()))
        async with a._beating:  # as if it were frozen
            await until(lambda: b.holds("queue"))
            assert (a.holds("queue"), a.valid, lapses[0]) == (None, False, False)
            assert not a.may_take_over
            assert b.holds("queue") == 2
            await until(lambda: not b.peers())
            assert changes[-1] == frozenset()
        await until(lambda: a.valid)
        assert not a.may_take_over
        await until(lambda: a.may_take_over)
        assert (a.holds("queue"), a.holder("queue")) == (None, "b")


async def test_nobody_takes_over_before_its_connection_was_good_for_a_lease(url: str) -> None:
    async with living(url, "a") as a:
        assert a.valid
        assert not a.may_take_over


async def test_a_gateway_that_knows_of_no_others_never_runs_beside_them(url: str) -> None:
    async with living(url, "a"):
        with pytest.raises(ConfigError, match="Another gateway"):
            async with exclusive(url, wait_seconds=0.2):
                pass
    async with exclusive(url, wait_seconds=5):
        pass


async def test_a_lost_connection_is_made_anew(url: str) -> None:
    async with living(url, "a") as a:
        before = a._lock.connection
        await before.invalidate()
        await until(lambda: a._lock._connection not in (None, before))
        sent = a._last_beat
        await until(lambda: a._last_beat != sent)  # only once the lock is taken again
        with pytest.raises(ConfigError):
            async with exclusive(url, wait_seconds=0.2):
                pass


async def test_gateways_that_start_together_migrate_one_after_the_other(tmp_path: Path) -> None:
    url = databases.url_for(tmp_path / "data", empty=True)
    starting = [Database(url) for _ in range(3)]
    try:
        await asyncio.gather(*(database.upgrade() for database in starting))
    finally:
        for database in starting:
            await database.close()


async def opened(database: Database, *owners: str) -> list[OpenRun]:
    now = datetime.now(UTC)
    async with database.write() as unit:
        user = await unit.users.add("ada@example.org", None, is_admin=False, now=now)
        rows = [
            OpenRun(id=f"run-{number}", kind="test", key=None, user_id=user.id, owner=owner) for number, owner in enumerate(owners)
        ]
        for row in rows:
            await unit.runs.add(row, now)
    return rows


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url, shared=True)
    yield database
    await database.close()


async def test_each_run_of_a_dead_gateway_goes_to_one_living_one(url: str, database: Database) -> None:
    async with living(url, "a") as a, living(url, "b") as b:
        await until(lambda: a.peers() == {"b"} and b.peers() == {"a"})
        rows = await opened(database, *(40 * ["dead", "a", "b"]))
        stores = [RunStore(database), RunStore(database)]
        of = OrphanRule(lease=LASTING.lease)
        for_a, for_b = await asyncio.gather(stores[0].take_over("a", of), stores[1].take_over("b", of))
        taken = for_a + for_b
        assert sorted(run.id for run in taken) == sorted(row.id for row in rows if row.owner == "dead")
        assert {(run.epoch, run.attempts) for run in taken} == {(2, 2)}
        assert {run.owner for run in for_a} <= {"a"}
        assert await stores[0].take_over("a", of) == []


async def test_without_a_good_connection_only_gifts_and_what_was_its_own_are_taken(database: Database) -> None:
    first, second, third, fourth = await opened(database, "dead", "a", "a", "b")
    store = RunStore(database)
    await store.give_away([fourth.lease, Lease(first.id, "a")])
    taken = {run.id: run for run in await store.take_over("a", OrphanRule(lost=frozenset({second.id, first.id})))}
    assert taken.keys() == {second.id, fourth.id}
    assert [taken[row.id].attempts for row in (second, fourth)] == [2, 1]
    assert [taken[row.id].epoch for row in (second, fourth)] == [2, 2]
    found = await store.find(third.id)
    assert found is not None
    assert (found.owner, found.epoch) == ("a", 1)


async def test_an_ending_without_a_lease_is_refused_where_others_may_have_the_run(database: Database) -> None:
    (run,) = await opened(database, "a")
    store = RunStore(database)
    (taken,) = await store.take_over("b", OrphanRule(lease=1))
    with pytest.raises(LeaseLost):
        async with database.write() as unit:
            await unit.runs.close(run.lease)
    await store.forget(run.lease)
    assert await store.find(run.id) is not None
    await store.forget(taken.lease)
    assert await store.find(run.id) is None
