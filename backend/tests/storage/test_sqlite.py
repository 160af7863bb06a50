"""Connections to SQLite: what is cancelled at any moment leaves nothing open, half done or locked."""

import asyncio
import random
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import event, make_url, text
from sqlalchemy.exc import IntegrityError

from lam.storage.repositories.base import QUICK
from lam.storage.sqlite import SqliteConnection, SqliteEngine

pytestmark = pytest.mark.sqlite

ADD = text("INSERT INTO numbers VALUES (:number)")
COUNT = text("SELECT count(*) FROM numbers")


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    opened = SqliteEngine(make_url(f"sqlite+aiosqlite:///{tmp_path / 'some.db'}"), pool_size=3, lock_seconds=20)
    async with opened.connect(writes=True) as connection, connection.begin():
        await connection.execute(text("CREATE TABLE numbers (number INTEGER PRIMARY KEY)"))
    yield opened
    assert opened.pool.checkedout() == 0
    await opened.dispose()


async def count(engine: SqliteEngine) -> int:
    async with engine.connect() as connection:
        return int((await connection.execute(COUNT)).scalar_one())


async def test_a_transaction_is_stored_at_its_end_and_undone_after_an_exception(engine: SqliteEngine) -> None:
    for fails in (False, True):
        try:
            async with engine.connect(writes=True) as connection, connection.begin():
                await connection.execute(ADD, {"number": int(fails)})
                if fails:
                    raise LookupError
        except LookupError:
            pass
        assert await count(engine) == 1


async def test_all_ways_to_fetch_give_the_same_rows(engine: SqliteEngine) -> None:
    query = text("SELECT number FROM numbers ORDER BY number")
    async with engine.connect(writes=True) as connection, connection.begin():
        await connection.execute(ADD, [{"number": number} for number in range(1000)])
    async with engine.connect() as connection:
        for statement in (query, query.execution_options(**QUICK)):
            expected = list(range(1000))
            assert [number for (number,) in await connection.execute(statement)] == expected
            assert list((await connection.execute(statement)).scalars()) == expected
            parts = (await connection.execute(statement)).partitions(300)
            assert [number for part in parts for (number,) in part] == expected
            result = await connection.execute(statement)
            assert [result.fetchone(), *result.fetchmany(3), *result.all()] == [(number,) for number in expected]
            assert (await connection.execute(statement)).first() == (0,)
        added = text("INSERT INTO numbers VALUES (-1) RETURNING number")
        assert (await connection.execute(added)).scalar_one() == -1


async def test_only_quick_statements_run_on_the_event_loop(engine: SqliteEngine) -> None:
    threads: list[threading.Thread] = []

    def here() -> int:
        threads.append(threading.current_thread())
        return 1

    event.listen(engine.sync_engine, "checkout", lambda driver, *_: driver.create_function("here", 0, here))
    async with engine.connect() as connection:
        for statement in (text("SELECT here()"), text("SELECT here()").execution_options(**QUICK)):
            await connection.execute(statement)
    assert [thread is threading.main_thread() for thread in threads] == [False, True]


async def test_a_quick_statement_waits_for_another_process_on_a_thread(engine: SqliteEngine, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "some.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    turns = 0

    async def write() -> None:
        async with engine.connect(writes=True) as connection, connection.begin():
            await connection.execute(ADD.execution_options(**QUICK), {"number": 1})

    writing = asyncio.create_task(write())
    while turns < 20:
        await asyncio.sleep(0.01)  # Time itself: the event loop goes on meanwhile
        turns += 1
    assert not writing.done()
    other.execute("COMMIT")
    other.close()
    await writing
    assert await count(engine) == 1


async def test_a_commit_that_fails_is_undone_on_a_thread(engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = "INTEGER REFERENCES numbers (number) DEFERRABLE INITIALLY DEFERRED"
    async with engine.connect(writes=True) as connection, connection.begin():
        await connection.execute(text(f"CREATE TABLE parts (number {reference})"))
    on_loop: list[bool] = []

    def rollback(driver: sqlite3.Connection) -> None:
        if driver.in_transaction:
            on_loop.append(threading.current_thread() is threading.main_thread())
        sqlite3.Connection.rollback(driver)

    monkeypatch.setattr("lam.storage.sqlite._Driver.rollback", rollback, raising=False)

    async def fail() -> None:
        async with engine.connect(writes=True) as connection, connection.begin():
            await connection.execute(text("INSERT INTO parts VALUES (7)"))

    with pytest.raises(IntegrityError):
        await fail()
    assert on_loop == [False]
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM parts"))).scalar_one() == 0


async def test_what_a_thread_raises_reaches_the_caller_whatever_it_is(engine: SqliteEngine) -> None:
    def stop(_: object) -> None:
        raise StopIteration

    def leave(_: object) -> None:
        raise SystemExit(1)

    async with engine.connect() as connection:
        for call, error in ((stop, RuntimeError), (leave, SystemExit)):
            with pytest.raises(error):
                await connection.run_sync(call)


async def test_where_no_thread_can_be_started_the_next_statement_tries_again(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    await engine.dispose()
    with monkeypatch.context() as none:
        none.setattr("lam.storage.sqlite.Thread", refuse)
        for _ in range(10):
            with pytest.raises(OSError, match="no thread"):
                await count(engine)
    assert await count(engine) == 0


async def test_whatever_is_cancelled_leaves_nothing_behind(engine: SqliteEngine) -> None:
    stored: set[int] = set()
    moment = random.Random(1)
    turn = asyncio.Lock()

    async def write(number: int) -> None:
        async with turn, engine.connect(writes=True) as connection:
            async with connection.begin():
                await connection.execute(ADD, {"number": number})
                await asyncio.sleep(0)
                await connection.execute(text("UPDATE numbers SET number = number WHERE number < 0"))
            stored.add(number)

    async def read(connection: SqliteConnection) -> None:
        for _ in range(3):
            await connection.execute(COUNT)

    async def reader() -> None:
        async with engine.connect() as connection:
            await read(connection)

    tasks = [asyncio.create_task(write(number) if number % 3 else reader()) for number in range(300)]
    while not stored:
        await asyncio.sleep(0.001)
    while not all(task.done() for task in tasks):
        await asyncio.sleep(moment.choice((0, 0, 0.001)))  # Time itself: any moment
        for task in moment.sample(tasks, 10):
            task.cancel()
            if moment.random() < 0.3:
                asyncio.get_running_loop().call_soon(task.cancel)
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(10):
        while engine.pool.checkedout():
            await asyncio.sleep(0.01)  # Time itself: what was cancelled twice ends by itself
    async with engine.connect(writes=True) as connection, connection.begin():  # the lock is free
        await connection.execute(ADD, {"number": 1000})
    found = await count(engine)
    assert len(stored) + 1 <= found <= 300
    async with engine.connect() as connection:
        numbers = set((await connection.execute(text("SELECT number FROM numbers"))).scalars())
    assert stored <= numbers
    assert stored, "some were not cancelled"
